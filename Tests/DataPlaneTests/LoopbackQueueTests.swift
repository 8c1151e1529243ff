import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

@Suite("A worker whose servers are full, on real sockets", .serialized)
struct LoopbackQueueTests {
    private func pool(_ upstream: TestListener, queue: Int = 10, waitMillis: Int64 = 600_000) -> PoolSettings {
        var pool = PoolSettings([ServerSettings(upstream.address)])
        pool.limits = ServerLimits(connections: 1, queue: queue)
        var timeouts = Timeouts()
        timeouts.queueMillis = waitMillis
        pool.timeouts = timeouts
        return pool
    }

    private func isQueued(_ count: UInt64, _ server: TestServer) -> Bool {
        eventually { server.board[.waiting] == count }
    }

    @Test("keeps what waiting clients say, their ends too, and serves them in order", arguments: EngineKind.allCases)
    func early(engine: EngineKind) throws {
        let upstream = try TestListener.loopback()
        let server = try TestServer(engine, to: .pools(PoolSet([pool(upstream)])))
        var held = try TestSocket.connected(to: server.address)
        var far = try upstream.accept()
        var waiting: [TestSocket] = []
        for index in 0..<4 {
            let client = try TestSocket.connected(to: server.address)
            #expect(isQueued(UInt64(index + 1), server))
            try client.send(pattern(10_000, seed: UInt64(index)))
            if index % 2 == 0 { client.sendFin() }
            waiting.append(client)
        }
        for (index, client) in waiting.enumerated() {
            held.sendFin()
            far.sendFin()
            far = try upstream.accept()
            #expect(try far.receive(10_000) == pattern(10_000, seed: UInt64(index)))
            if index % 2 == 0 { #expect(try far.receiveToEnd() == []) }
            // Bytes for a client that has ended, and more of them than fit.
            try far.send(pattern(5_000, seed: 77))
            #expect(try client.receive(5_000) == pattern(5_000, seed: 77))
            held = client
        }
        #expect(server.board[.queued] == 4 && server.board[.waiting] == 0)
    }

    @Test("carries as much as ever after the wait, in both directions", arguments: EngineKind.allCases)
    func bulk(engine: EngineKind) throws {
        let upstream = try TestListener.loopback()
        let server = try TestServer(engine, to: .pools(PoolSet([pool(upstream)])))
        let first = try TestSocket.connected(to: server.address)
        let farOfFirst = try upstream.accept()
        let client = try TestSocket.connected(to: server.address)
        #expect(isQueued(1, server))
        first.sendFin()
        farOfFirst.sendFin()
        let far = try upstream.accept()
        let bytes = pattern(8_000_000)
        let sender = try NamedThread("sender") { try? far.send(bytes) }
        // The reader is late, so that the client's socket is full for a while.
        for _ in 0..<100 { pause() }
        let isSame = try client.receive(bytes.count) == bytes
        sender.join()
        #expect(isSame)
        let back = try NamedThread("sender back") { try? client.send(bytes) }
        let isSameBack = try far.receive(bytes.count) == bytes
        back.join()
        #expect(isSameBack)
    }

    @Test("notices that a waiting client is gone, after its end too", arguments: EngineKind.allCases, [false, true])
    func gone(engine: EngineKind, afterEnd: Bool) throws {
        let upstream = try TestListener.loopback()
        let server = try TestServer(engine, to: .pools(PoolSet([pool(upstream)])))
        let held = try TestSocket.connected(to: server.address)
        let far = try upstream.accept()
        var client: TestSocket? = try TestSocket.connected(to: server.address)
        try client?.send([1])
        #expect(isQueued(1, server))
        if afterEnd {
            client?.sendFin()
            for _ in 0..<20 { pause() }
            #expect(server.board[.waiting] == 1, "an end is no loss")
        }
        client?.resetOnClose()
        client = nil
        #expect(eventually { server.board[.clientReset] == 1 && server.board[.waiting] == 0 })
        // The place is not lost.
        let next = try TestSocket.connected(to: server.address)
        #expect(isQueued(1, server))
        held.sendFin()
        far.sendFin()
        _ = try upstream.accept()
        try next.send([2])
        #expect(eventually { server.board[.waiting] == 0 })
    }

    @Test("resets who has waited long enough, and whoever may not wait", arguments: EngineKind.allCases)
    func refused(engine: EngineKind) throws {
        let upstream = try TestListener.loopback()
        let set = PoolSet([pool(upstream, queue: 1, waitMillis: 100)])
        let server = try TestServer(engine, to: .pools(set))
        let held = try TestSocket.connected(to: server.address)
        let far = try upstream.accept()
        let client = try TestSocket.connected(to: server.address)
        #expect(throws: SystemError(Errno.reset, in: "recv")) { _ = try client.receive(1) }
        #expect(eventually { server.board[.refusedQueueTimeout] == 1 && server.board[.closed] == 1 })
        try held.send([1])
        #expect(try far.receive(1) == [1])
    }

    @Test("gives the file to who has waited long enough, however slowly it reads", arguments: EngineKind.allCases)
    func file(engine: EngineKind) throws {
        let upstream = try TestListener.loopback()
        let bytes = pattern(12_000_000)
        let page = OwnedDescriptor(try checked(clinux_memory_file("page"), "memfd_create"))
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { clinux_write(page.number, $0.baseAddress, $0.count) }
            try #require(count > 0)
            done += Int(count)
        }
        _ = try checked(clinux_seal(page.number), "fcntl")
        var pool = pool(upstream, queue: 1, waitMillis: 50)
        pool.fallback = page.number
        let server = try TestServer(engine, to: .pools(PoolSet([pool])))
        let held = try TestSocket.connected(to: server.address)
        let far = try upstream.accept()
        let client = try TestSocket.connected(to: server.address)
        for _ in 0..<150 { pause() }
        let isSame = try client.receiveToEnd() == bytes
        #expect(isSame)
        client.sendFin()
        #expect(eventually { server.board[.refusedQueueTimeout] == 1 && server.board[.closed] == 1 })
        #expect(server.board[.answered] == 1)
        try held.send([1])
        #expect(try far.receive(1) == [1])
    }
}
