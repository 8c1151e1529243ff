import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

@Suite("A worker that hears its clients first, by script")
struct WorkerGreetingScriptTests {
    /// The beginning of a ClientHello of 300 bytes in one record.
    private let start: [UInt8] = [22, 3, 1, 1, 44, 1, 0, 1, 40, 3, 3]

    /// A worker whose listener goes by names.
    private func bench(_ change: (inout ListenerSettings) -> Void = { _ in }) throws -> ScriptedWorker {
        var listener = ListenerSettings(pool: 0)
        listener.routes = [Route(names: ["a.example"], pool: nil)]
        change(&listener)
        let server = try #require(SocketAddress(numeric: "127.0.0.1", port: 1))
        let set = PoolSet([PoolSettings([ServerSettings(server)])], listeners: [listener])
        return try ScriptedWorker { $0.target = .pools(set) }
    }

    /// The client is announced.
    private func announce(_ bench: inout ScriptedWorker) throws {
        let rest = try #require(bench.script.intent(of: .up))
        #expect(rest.intent == .rest)
        bench.script.answer(rest, .await, 1)
        bench.worker.turn()
    }

    private func isConnecting(_ script: Script) -> Bool {
        script.open.contains { $0.intent == .connect }
    }

    @Test("waits for as many bytes as are missing, and lowers the mark before it connects")
    func lowWater() throws {
        var bench = try bench()
        try bench.accept()
        try bench.clients[0].send(start)
        try announce(&bench)
        #expect(bench.script.lowWaters.map(\.bytes) == [305] && !isConnecting(bench.script))
        // Not a ClientHello after all: what its extensions are said to be does not fit.
        try bench.clients[0].send([UInt8](repeating: 255, count: 294))
        try announce(&bench)
        #expect(bench.script.lowWaters.map(\.bytes) == [305, 1] && isConnecting(bench.script))
        #expect(bench.count(.hellosMissed) == 1 && bench.script.breaches == [])
    }

    @Test("looks again a tick later where it was announced too early")
    func tooEarly() throws {
        var bench = try bench()
        try bench.accept()
        try bench.clients[0].send(start)
        try announce(&bench)
        try announce(&bench)
        #expect(bench.script.intent(of: .up) == nil, "nothing is out before the next tick")
        bench.script.millisPerTurn = TimerWheel.tickMillis
        bench.worker.turn()
        bench.worker.turn()
        #expect(bench.script.intent(of: .up)?.intent == .rest)
    }

    @Test("asks again where the submission queue was full")
    func full() throws {
        var bench = try bench()
        bench.script.refusals = 1
        try bench.accept()
        #expect(bench.script.intent(of: .up) == nil)
        bench.worker.turn()
        try bench.clients[0].send([1])
        try announce(&bench)
        #expect(isConnecting(bench.script))
    }

    @Test("takes the last route when the time for a ClientHello is over, whatever comes late")
    func late() throws {
        var bench = try bench { $0.helloMillis = 1_000 }
        try bench.accept()
        try bench.clients[0].send(start)
        try announce(&bench)
        #expect(bench.script.waitNanoseconds <= 1_100_000_000)
        bench.script.millisPerTurn = 1_100
        // The wait is withdrawn, and its answer is waited for.
        bench.worker.turn()
        bench.script.millisPerTurn = 0
        #expect(bench.script.cancels == 1 && !isConnecting(bench.script))
        bench.worker.turn()
        #expect(isConnecting(bench.script) && bench.count(.hellosMissed) == 1)
        #expect(bench.script.lowWaters.last?.bytes == 1)
    }

    @Test("lets go of a client that it hears when it is told to")
    func cut() throws {
        var bench = try bench()
        try bench.accept()
        bench.order(.cut)
        for _ in 0..<4 { bench.worker.turn() }
        #expect(bench.count(.drainCut) == 1 && bench.worker.table.count == 0)
        #expect(bench.script.attached == bench.script.detached)
    }
}
