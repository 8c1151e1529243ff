import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

@Suite("A worker with pools, on real sockets", .serialized)
struct LoopbackPoolTests {
    @Test("gives each listener's clients to the servers of its pool", arguments: EngineKind.allCases)
    func listeners(engine: EngineKind) throws {
        let upstreams = try (0..<3).map { _ in try TestListener.loopback() }
        let set = PoolSet(
            upstreams.map { PoolSettings([ServerSettings($0.address)]) },
            listeners: [2, 0, 1].map { ListenerSettings(pool: $0) })
        var settings = WorkerSettings(target: .pools(set))
        settings.connectionsMax = 50
        let listeners = try (0..<3).map { _ in try TestListener.loopback() }
        let thread = try WorkerThread(
            settings: settings, engine: engine.choice, connections: ConnectionCount(), processor: nil)
        try thread.start()
        thread.serve(listeners.map { (socket: clinux_duplicate($0.number), isTCP: true) })
        defer {
            thread.control.give(.stop)
            thread.join()
        }
        for (listener, pool) in [(0, 2), (1, 0), (2, 1), (0, 2)] {
            let client = try TestSocket.connected(to: listeners[listener].address)
            let far = try upstreams[pool].accept()
            try client.send([UInt8(listener)])
            #expect(try far.receive(1) == [UInt8(listener)])
        }
    }

    private func blocks(_ texts: [(String, Int)]) -> AddressSet {
        AddressSet(
            texts.compactMap { text, prefix in
                SocketAddress(numeric: text, port: 0).flatMap { AddressBlock($0, prefix: prefix) }
            })
    }

    @Test("lets come who may, resets who may not, and routes by the client's address", arguments: EngineKind.allCases)
    func access(engine: EngineKind) throws {
        let upstreams = try (0..<2).map { _ in try TestListener.loopback() }
        var rules = ListenerSettings(pool: 0)
        rules.allow = blocks([("127.0.0.0", 24)])
        rules.deny = blocks([("127.0.0.9", 32)])
        rules.routes = [
            Route(blocks([("127.0.0.2", 32)]), pool: 1), Route(blocks([("127.0.0.3", 32)]), pool: nil),
        ]
        let set = PoolSet(upstreams.map { PoolSettings([ServerSettings($0.address)]) }, listeners: [rules])
        let server = try TestServer(engine, to: .pools(set))
        func client(_ host: String) throws -> TestSocket {
            let socket = TestSocket(try checked(clinux_socket(server.address.family), "socket"))
            let source = try #require(SocketAddress(numeric: host, port: 0))
            _ = try checked(
                source.withBytes { clinux_bind(socket.number, $0.baseAddress, source.length) }, "bind")
            let result = server.address.withBytes {
                clinux_connect(socket.number, $0.baseAddress, server.address.length)
            }
            try #require(result == 0 || result == Errno.inProgress)
            return socket
        }
        for (host, pool) in [("127.0.0.1", 0), ("127.0.0.2", 1), ("127.0.0.8", 0)] {
            let socket = try client(host)
            let far = try upstreams[pool].accept()
            try socket.send([1])
            #expect(try far.receive(1) == [1])
        }
        // Not allowed, denied, and routed nowhere.
        for host in ["127.0.1.1", "127.0.0.9", "127.0.0.3"] {
            let socket = try client(host)
            #expect(throws: SystemError(Errno.reset, in: "recv")) { _ = try socket.receive(1) }
        }
        #expect(eventually { server.board[.refusedByAddress] == 3 && server.board[.closed] == 6 })
    }

    @Test("counts a server's connections up and down, however they end", arguments: EngineKind.allCases)
    func loads(engine: EngineKind) throws {
        let upstreams = try (0..<2).map { _ in try TestListener.loopback() }
        let nobody = try TestListener.loopback().address
        let servers = [upstreams[0].address, nobody, upstreams[1].address].map { ServerSettings($0) }
        let set = PoolSet([PoolSettings(servers, .leastConnections)])
        let server = try TestServer(engine, to: .pools(set))
        var held: [TestSocket] = []
        for index in 0..<40 {
            let client = try TestSocket.connected(to: server.address)
            // Whichever it was, the counts tell.
            #expect(eventually { server.board[.tied] == UInt64(index + 1) })
            held.append(client)
        }
        let loads = (0..<3).map { set.states[$0].connections }
        #expect(loads[1] == 0 && loads[0] + loads[2] == 40, "\(loads)")
        for (index, client) in held.enumerated() {
            switch index % 3 {
            case 0: client.sendFin()
            case 1: client.resetOnClose()
            default: break
            }
        }
        held = []
        server.thread.control.give(.cut)
        #expect(eventually { server.board[.left] == 1 })
        #expect((0..<3).allSatisfy { set.states[$0].connections == 0 })
    }

    @Test("tries the backup only when the others cannot be had", arguments: EngineKind.allCases)
    func backup(engine: EngineKind) throws {
        let backup = try TestListener.loopback()
        let address = try TestListener.loopback().address
        let servers = [ServerSettings(backup.address, isBackup: true), ServerSettings(address)]
        let server = try TestServer(engine, to: .pools(PoolSet([PoolSettings(servers)])))
        let first = try TestSocket.connected(to: server.address)
        let far = try backup.accept()
        try first.send([1])
        #expect(try far.receive(1) == [1])
        // The other one is back.
        let primary = try TestListener(address)
        let second = try TestSocket.connected(to: server.address)
        let there = try primary.accept()
        try second.send([2])
        #expect(try there.receive(1) == [2])
    }

    @Test("tries no more servers than it may", arguments: EngineKind.allCases)
    func attempts(engine: EngineKind) throws {
        let nobody = try (0..<5).map { _ in ServerSettings(try TestListener.loopback().address) }
        var pool = PoolSettings(nobody)
        pool.attemptsMax = 3
        let server = try TestServer(engine, to: .pools(PoolSet([pool])))
        _ = try TestSocket.connected(to: server.address)
        #expect(eventually { server.board[.closed] == 1 })
        #expect(server.board[.connectAttempts] == 3)
    }

    @Test("leaves a server out that cannot be connected, and takes it back", arguments: EngineKind.allCases)
    func ejects(engine: EngineKind) throws {
        let good = try TestListener.loopback()
        let address = try TestListener.loopback().address
        var pool = PoolSettings([ServerSettings(address), ServerSettings(good.address)], .first)
        pool.eject = EjectRules(afterFailures: 3, forMillis: 300, atMostPercent: 50)
        let set = PoolSet([pool])
        let server = try TestServer(engine, to: .pools(set))
        for _ in 0..<10 {
            _ = try TestSocket.connected(to: server.address)
            _ = try good.accept()
        }
        // The first three clients have tried it, unless all of this took longer than it was left out for.
        #expect(server.board[.ejections] >= 1 && server.board[.connectRefused] < 10)
        #expect(set.states[0].ejections == Int64(server.board[.ejections]))
        let back = try TestListener(address)
        var far: Int32 = Errno.again
        for _ in 0..<200 where far < 0 {
            _ = try TestSocket.connected(to: server.address)
            for _ in 0..<10 where far < 0 {
                pause()
                far = clinux_accept(back.number)
            }
        }
        #expect(far >= 0, "it was never asked again")
        _ = clinux_close(far)
        #expect(eventually { set.states[0].failuresInRow == 0 })
    }

    @Test("stays with one server for one client, by its address", arguments: EngineKind.allCases)
    func sourceHash(engine: EngineKind) throws {
        let upstreams = try (0..<4).map { _ in try TestListener.loopback() }
        let set = PoolSet([PoolSettings(upstreams.map { ServerSettings($0.address) }, .sourceHash)])
        let server = try TestServer(engine, to: .pools(set))
        var expected = PoolTable(set, Timeouts(), worker: 0)
        let here = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
        let found = expected.choose(0, client: here, at: 0)
        let chosen = Int(try #require(found))
        for _ in 0..<8 {
            let client = try TestSocket.connected(to: server.address)
            let far = try upstreams[chosen].accept()
            try client.send([9])
            #expect(try far.receive(1) == [9])
        }
    }
}
