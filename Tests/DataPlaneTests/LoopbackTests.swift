import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

/// A worker on its own thread with a listener on loopback.
final class TestServer {
    let thread: WorkerThread
    let address: SocketAddress

    convenience init(
        _ engine: EngineKind, to target: WorkerSettings.Target, _ change: (inout WorkerSettings) -> Void = { _ in }
    ) throws {
        try self.init(engine.choice, to: target, change)
    }

    init(
        _ engine: EngineChoice, to target: WorkerSettings.Target, _ change: (inout WorkerSettings) -> Void = { _ in }
    ) throws {
        var settings = WorkerSettings(target: target)
        settings.connectionsMax = 500
        change(&settings)
        let listener = try TestListener.loopback()
        address = listener.address
        thread = try WorkerThread(
            settings: settings, engine: engine, connections: ConnectionCount(), processor: nil)
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
        case .epoll: .epoll(descriptors: 20_000, buffers: BufferSettings())
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

    @Test("loses nothing when its rings are far too small, and counts that they were")
    func smallRings() throws {
        var settings = UringSettings()
        settings.ringDepth = 8
        settings.completionDepth = 16
        let server = try TestServer(.uring(settings), to: .echo)
        let clients = try (0..<200).map { _ in try TestSocket.connected(to: server.address) }
        for round in 0..<5 {
            // All at once, so that the answers do not fit.
            for (index, client) in clients.enumerated() { try client.send(pattern(700, seed: UInt64(index + round))) }
            for (index, client) in clients.enumerated() {
                #expect(try client.receive(700) == pattern(700, seed: UInt64(index + round)))
            }
        }
        for client in clients { client.sendFin() }
        #expect(eventually { server.board[.finished] == 200 && server.board[.active] == 0 })
        #expect(server.board[.submissionQueueFull] > 0)
        #expect(server.board[.completionQueueOverflows] > 0)
        #expect(server.board[.completionsDropped] == 0)
    }

    @Test("carries over UNIX sockets, in and out", arguments: EngineKind.allCases)
    func unix(engine: EngineKind) throws {
        let path = "/tmp/longsplice-test-\(clinux_monotonic_nanoseconds()).sock"
        defer { _ = clinux_unlink(path) }
        let upstream = try TestListener(try #require(SocketAddress(unixPath: path)))
        let server = try TestServer(engine, to: .upstreams([upstream.address]))
        let client = try TestSocket.connected(to: server.address)
        let far = try upstream.accept()
        try client.send(pattern(150_000, seed: 3))
        #expect(try far.receive(150_000) == pattern(150_000, seed: 3))
        try far.send(pattern(150_000, seed: 4))
        far.sendFin()
        #expect(try client.receiveToEnd() == pattern(150_000, seed: 4))
        client.sendFin()
        #expect(try far.receiveToEnd() == [])
        #expect(eventually { server.board[.finished] == 1 })
    }

    @Test("counts each connection once, whatever becomes of it", arguments: EngineKind.allCases)
    func churn(engine: EngineKind) throws {
        let server = try TestServer(engine, to: .echo)
        for index in 0..<500 {
            let client = try TestSocket.connected(to: server.address)
            try client.send([1])
            switch index % 4 {
            case 0: _ = try client.receive(1)
            case 1: client.resetOnClose()
            case 2: client.sendFin()
            default: break
            }
        }
        #expect(eventually { server.board[.accepted] == 500 && server.board[.closed] == 500 })
        #expect(server.board[.active] == 0 && server.board[.pipesBorrowed] == 0)
    }
}
