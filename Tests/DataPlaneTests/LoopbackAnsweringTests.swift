import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

@Suite("A worker whose upstreams cannot be had, on real sockets", .serialized)
struct LoopbackAnsweringTests {
    /// A sealed file of the control plane's making.
    private func page(_ bytes: [UInt8]) throws -> OwnedDescriptor {
        let file = OwnedDescriptor(try checked(clinux_memory_file("page"), "memfd_create"))
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { clinux_write(file.number, $0.baseAddress, $0.count) }
            try #require(count > 0)
            done += Int(count)
        }
        _ = try checked(clinux_seal(file.number), "fcntl")
        return file
    }

    /// At which nobody listens.
    private func nobody() throws -> SocketAddress {
        let listener = try TestListener.loopback()
        return listener.address
    }

    private func serve(
        _ engine: EngineKind, _ page: borrowing OwnedDescriptor, _ change: (inout WorkerSettings) -> Void = { _ in }
    ) throws -> TestServer {
        try TestServer(engine, to: .upstreams([nobody(), nobody()], fallback: page.number), change)
    }

    @Test("gives the client the file and FIN", arguments: EngineKind.allCases, [0, 1, 4_096, 65_537, 1_500_000])
    func file(engine: EngineKind, size: Int) throws {
        let bytes = pattern(size)
        let page = try page(bytes)
        let server = try serve(engine, page)
        let client = try TestSocket.connected(to: server.address)
        let received = try client.receiveToEnd()
        #expect(received.count == size)
        let isSame = received == bytes
        #expect(isSame)
        #expect(server.board[.active] == 1, "the client has not ended")
        client.sendFin()
        #expect(eventually { server.board[.connectFailed] == 1 && server.board[.active] == 0 })
        #expect(server.board[.answered] == 1 && server.board[.connectAttempts] == 2)
        #expect(server.board[.bytesDown] == UInt64(size) && server.board[.pipesBorrowed] == 0)
    }

    @Test("throws away what the client says, so that no reset takes the file from it", arguments: EngineKind.allCases)
    func talkers(engine: EngineKind) throws {
        let bytes = pattern(300_000)
        let page = try page(bytes)
        let server = try serve(engine, page)
        let words = pattern(200_000)
        for index in 0..<50 {
            let client = try TestSocket.connected(to: server.address)
            // Some say much, some say it in pieces while the file comes, and some have ended before.
            for _ in 0..<(index % 5) { try client.send(words) }
            if index % 3 == 0 { client.sendFin() }
            let first = try client.receive(100_000)
            if index % 3 != 0 { try client.send(words) }
            let isSame = try first + client.receiveToEnd() == bytes
            #expect(isSame, "client \(index)")
            if index % 3 == 1 { try client.send(words) }
        }
        #expect(eventually { server.board[.closed] == 50 && server.board[.active] == 0 })
        #expect(server.board[.answered] == 50 && server.board[.bytesDropped] == 0)
        #expect(server.board[.bytesDiscarded] > 10_000_000)
    }

    @Test("carries on when a client leaves or stalls", arguments: EngineKind.allCases)
    func leavers(engine: EngineKind) throws {
        let page = try page([UInt8](repeating: 7, count: 8 << 20))
        let server = try serve(engine, page) { $0.timeouts.idleMillis = 400 }
        let stalled = try TestSocket.connected(to: server.address)
        for _ in 0..<20 {
            let client = try TestSocket.connected(to: server.address)
            _ = try client.receive(1_000)
            client.resetOnClose()
        }
        let client = try TestSocket.connected(to: server.address)
        let isWhole = try client.receiveToEnd().count == 8 << 20
        #expect(isWhole)
        client.sendFin()
        #expect(eventually { server.board[.closed] == 22 && server.board[.pipesBorrowed] == 0 })
        #expect(throws: SystemError(Errno.reset, in: "recv")) { _ = try stalled.receiveToEnd() }
    }

    @Test("closes behind a client that never ends, and the file still reaches it", arguments: EngineKind.allCases)
    func neverEnds(engine: EngineKind) throws {
        let bytes = pattern(100_000)
        let page = try page(bytes)
        let server = try serve(engine, page) { $0.timeouts.finMillis = 200 }
        let client = try TestSocket.connected(to: server.address)
        #expect(eventually { server.board[.closed] == 1 })
        let isSame = try client.receiveToEnd() == bytes
        #expect(isSame)
    }

    @Test("answers on UNIX sockets too", arguments: EngineKind.allCases)
    func unix(engine: EngineKind) throws {
        let bytes = pattern(1_000_000)
        let page = try page(bytes)
        let path = "/tmp/longsplice-test-\(clinux_monotonic_nanoseconds()).sock"
        defer { _ = clinux_unlink(path) }
        let listener = try TestListener(try #require(SocketAddress(unixPath: path)))
        var settings = WorkerSettings(target: .upstreams([try nobody()], fallback: page.number))
        settings.connectionsMax = 8
        let thread = try WorkerThread(
            settings: settings, engine: engine.choice, connections: ConnectionCount(), processor: nil)
        try thread.start()
        thread.serve([(socket: clinux_duplicate(listener.number), isTCP: false)])
        defer {
            thread.control.give(.stop)
            thread.join()
        }
        let client = try TestSocket.connected(to: listener.address)
        try client.send(pattern(150_000))
        let isSame = try client.receiveToEnd() == bytes
        #expect(isSame)
        client.sendFin()
        #expect(eventually { thread.control.board[.closed] == 1 && thread.control.board[.bytesDiscarded] == 150_000 })
    }

    @Test("resets as without a file once it is told to cut", arguments: EngineKind.allCases)
    func cut(engine: EngineKind) throws {
        let page = try page(pattern(100))
        let server = try serve(engine, page)
        let client = try TestSocket.connected(to: server.address)
        #expect(try client.receiveToEnd().count == 100)
        server.thread.control.give(.cut)
        #expect(eventually { server.board[.closed] == 1 && server.board[.active] == 0 })
    }
}
