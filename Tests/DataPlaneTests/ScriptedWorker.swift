import CLinux
import LinuxCalls
import TestSupport

@testable import DataPlane

/// A worker over a script: real sockets, whose bytes nobody moves.
struct ScriptedWorker: ~Copyable {
    let script: Script
    let control: WorkerControl
    let connections: ConnectionCount
    var worker: Worker<ScriptedEngine>
    /// The clients' ends.
    private(set) var clients: [TestSocket]

    /// - Parameters:
    ///   - buffers: receive buffers that the engine has memory for.
    ///   - connections: shared by the workers of one group.
    init(
        upstreams: Int = 1, buffers: Int = 512, connections: ConnectionCount = ConnectionCount(),
        _ change: (inout WorkerSettings) -> Void = { _ in }
    ) throws {
        let addresses = (0..<upstreams).compactMap { SocketAddress(numeric: "127.0.0.1", port: UInt16(1 + $0)) }
        var settings = WorkerSettings(target: .upstreams(addresses))
        settings.connectionsMax = 16
        settings.relay.policy = .splice
        change(&settings)
        let control = try WorkerControl(board: CounterBoard(upstreamCount: upstreams))
        let listener = try TestListener.loopback()
        script = Script()
        self.connections = connections
        clients = []
        self.control = control
        worker = Worker(
            engine: ScriptedEngine(script: script, bufferCount: buffers), settings: settings, control: control,
            connections: connections)
        // Each answer in a buffer of its own, so that a test sees which is which.
        worker.buffers.joinedBytesMax = 0
        worker.start([(socket: clinux_duplicate(listener.number), isTCP: true)])
    }

    /// One connection is accepted. Its knot's upstream connect is out afterwards.
    mutating func accept() throws {
        var a: Int32 = -1
        var b: Int32 = -1
        _ = try checked(clinux_socket_pair(&a, &b), "socketpair")
        clients.append(TestSocket(a))
        guard let open = script.open.first(where: { $0.intent == .accept }) else { return }
        script.answer(open, .accept, b, goesOn: true)
        worker.turn()
    }

    /// One connection, tied, both lanes waiting.
    mutating func tie() throws {
        try accept()
        guard let open = script.open.first(where: { $0.intent == .connect }) else { return }
        script.answer(open, .connect, 0)
        worker.turn()
    }

    /// One lane has woken and has a move out.
    mutating func wake(_ direction: Direction) {
        if let open = script.intent(of: direction) { script.answer(open, .await, 1) }
        worker.turn()
    }

    /// Gives an order as the bell would bring it.
    mutating func order(_ order: WorkerControl.Order) {
        control.give(order)
        ringBell()
    }

    /// What was handed to the worker's control is seen.
    mutating func ringBell() {
        script.open.removeAll { $0.tag == Worker<ScriptedEngine>.bellTag }
        script.answers.append(Completion(tag: Worker<ScriptedEngine>.bellTag, result: 1))
        worker.turn()
    }

    func count(_ counter: Counter) -> UInt64 { worker.counters[counter] }
}
