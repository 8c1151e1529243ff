import CLinux
import LinuxCalls
import Testing

@testable import DataPlane

/// A worker on its own thread with a listener on loopback.
final class TestServer {
    let thread: WorkerThread
    let address: SocketAddress

    init(_ engine: EngineKind, to target: WorkerSettings.Target, _ change: (inout WorkerSettings) -> Void = { _ in })
        throws
    {
        var settings = WorkerSettings(target: target)
        settings.connectionsMax = 500
        change(&settings)
        let listener = try TestListener.loopback()
        address = listener.address
        thread = try WorkerThread(
            settings: settings, engine: engine.choice, connections: ConnectionCount(), processor: nil)
        try thread.start()
        thread.serve([(socket: clinux_duplicate(listener.number), isTCP: true)])
    }

    deinit {
        thread.control.give(.stop)
        thread.join()
    }

    var board: CounterBoard { thread.control.board }
}

enum EngineKind: String, CaseIterable, CustomTestStringConvertible {
    case uring
    case epoll

    var choice: EngineChoice {
        switch self {
        case .uring: .uring(UringSettings())
        case .epoll: .epoll(descriptors: 20_000)
        }
    }

    var testDescription: String { rawValue }
}

@Suite("A worker on real sockets", .serialized)
struct LoopbackTests {
    @Test("echoes what it is sent", arguments: EngineKind.allCases)
    func echo(engine: EngineKind) throws {
        let server = try TestServer(engine, to: .echo)
        let client = try TestSocket.connected(to: server.address)
        let sent = pattern(100_000)
        try client.send(sent)
        #expect(try client.receive(sent.count) == sent)
        client.sendFin()
        #expect(try client.receiveToEnd() == [])
        #expect(eventually { server.board[.finished] == 1 && server.board[.active] == 0 })
    }

    @Test("carries bytes both ways and passes each FIN by itself", arguments: EngineKind.allCases)
    func bothWays(engine: EngineKind) throws {
        let upstream = try TestListener.loopback()
        let server = try TestServer(engine, to: .upstreams([upstream.address]))
        let client = try TestSocket.connected(to: server.address)
        let far = try upstream.accept()
        try client.send(pattern(50_000, seed: 1))
        client.sendFin()
        #expect(try far.receiveToEnd() == pattern(50_000, seed: 1))
        // Data after the FIN of the other side.
        try far.send(pattern(70_000, seed: 2))
        far.sendFin()
        #expect(try client.receiveToEnd() == pattern(70_000, seed: 2))
        #expect(eventually { server.board[.finished] == 1 })
        #expect(server.board[.bytesUp] == 50_000 && server.board[.bytesDown] == 70_000)
    }
}
