import DataPlane
import Glibc
import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("A server in this process", .serialized)
struct ServerTests {
    private static let engines: [EngineWish] = [.uring, .epoll]

    private func server(
        _ engine: EngineWish, listen: [String] = ["127.0.0.1:0"], to upstreams: [String] = ["echo"],
        log: Lines = Lines()
    ) throws -> Server {
        let bind = try listen.map { Placed(try Endpoint($0, ports: 0...65_535), at: .flag("--listen")) }
        let servers = try upstreams.map { ServerConfiguration(Placed(try Upstream($0), at: .flag("--upstream"))) }
        var configuration = ServeConfiguration(
            listeners: [ListenerConfiguration("listen", bind: bind)],
            pools: [PoolConfiguration("upstream", servers: servers)])
        configuration.engine = engine
        configuration.workers = 2
        configuration.maxConnections = 50
        return try Server(configuration, on: try Machine.ofThisProcess(), log: log.logger)
    }

    @Test("serves the embedded echo server over TCP and UNIX sockets, and drains", arguments: engines)
    func echo(engine: EngineWish) throws {
        let path = freshPath()
        let log = Lines()
        let server = try server(engine, listen: ["127.0.0.1:0", "[::1]:0", "unix:\(path)"], log: log)
        #expect(server.engineName == engine.rawValue)
        #expect(server.addresses.count == 3 && server.addresses[0].port != 0 && server.addresses[1].port != 0)
        for address in server.addresses { #expect(log.contain("INFO listening on \(address)")) }

        let sent = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let clients = try server.addresses.map { try TestClient($0) }
        for client in clients { #expect(try client.exchange(sent) == sent) }
        #expect(eventually { server.totals[.active] == 3 && server.totals[.bytesUp] == 3 * 200_000 })

        server.drain()
        #expect(try clients[0].exchange([1, 2, 3]) == [1, 2, 3], "a drain leaves sessions alone")
        #expect(!server.isDone)
        server.cut()
        for client in clients { try client.expectEnd() }
        #expect(eventually { server.isDone })
        #expect(server.totals[.accepted] == 3 && server.totals[.closed] == 3)
        server.removeFiles()
        #expect(access(path, F_OK) != 0)
    }

    @Test("is done at once when it drains without sessions", arguments: engines)
    func drainsAlone(engine: EngineWish) throws {
        let server = try server(engine)
        server.drain()
        #expect(eventually { server.isDone })
    }

    @Test("counts refused connects by upstream", arguments: engines)
    func refusedConnects(engine: EngineWish) throws {
        // Bound and closed again: nobody listens there.
        let nobody = try BoundListener(
            try #require(SocketAddress(numeric: "127.0.0.1", port: 0)), workers: 1, backlog: 1
        ).address
        let server = try server(engine, to: ["\(nobody)"])
        try TestClient(server.addresses[0]).expectEnd()
        #expect(eventually { server.totals[.connectRefused] == 1 })
        #expect(server.connectFailures[0, .refused] == 1)
    }

    @Test("a second server on the same port is refused, and the first goes on", arguments: engines)
    func portInUse(engine: EngineWish) throws {
        let first = try server(engine)
        let taken = "\(first.addresses[0])"
        let path = freshPath()
        #expect {
            _ = try server(engine, listen: ["unix:\(path)", taken])
        } throws: { error in
            (error as? Refusal)?.sentence
                == "--listen \(taken): is in use; stop the program that listens there or choose another one"
        }
        #expect(access(path, F_OK) != 0, "the socket file of the refused start is gone")
        #expect(try TestClient(first.addresses[0]).exchange([7]) == [7])
    }

    @Test("tells which addresses an upstream's name has")
    func upstreamName() throws {
        let log = Lines()
        let server = try server(.epoll, to: ["localhost:1"], log: log)
        #expect(log.contain("INFO upstream localhost:1 is "))
        #expect(server.upstreams.allSatisfy { $0.port == 1 })
    }

    @Test("leaves no descriptor behind, neither after serving nor after a refused start", arguments: engines)
    func descriptors(engine: EngineWish) throws {
        func open() -> Int { (0..<1_000).count { fcntl(Int32($0), F_GETFD) >= 0 } }
        // The first one makes what the process keeps, such as the resolver's files.
        do { _ = try server(engine) }
        let before = open()
        do {
            let server = try server(engine)
            #expect(try TestClient(server.addresses[0]).exchange([1]) == [1])
            _ = try? self.server(engine, listen: ["\(server.addresses[0])"])
            server.drain()
            #expect(eventually { server.isDone })
        }
        // Other suites may have had something open before.
        #expect(eventually { open() <= before })
    }
}
