import DataPlane
import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("News of servers")
struct ServerNewsTests {
    private func addresses(_ count: Int) -> [SocketAddress] {
        (0..<count).compactMap { SocketAddress(numeric: "10.0.0.\($0)", port: 80) }
    }

    @Test("are told once when a server goes down, and once when it is up again")
    func health() {
        let states = ServerStates(servers: 2)
        var news = ServerNews(addresses(2))
        #expect(news.look(at: states, now: 1) == [])
        states.goDown(1)
        let down = news.look(at: states, now: 2) { "was refused (\($0))" }
        #expect(down == [.isDown("server 10.0.0.1:80 is down: its last check was refused (1)")])
        #expect(news.look(at: states, now: 3) == [])
        states.comeUp(1, at: 4)
        #expect(news.look(at: states, now: 5) == [.isUp("server 10.0.0.1:80 is up again")])
        #expect(news.look(at: states, now: 6) == [])
    }

    @Test("of very many servers at once are told in few lines")
    func bounded() {
        let states = ServerStates(servers: 200)
        var news = ServerNews(addresses(200))
        for server in 0..<200 { states.goDown(server) }
        let items = news.look(at: states, now: 1)
        #expect(items.count == 16)
        #expect(items.last == .isDown("of 185 more servers 185 are down, 0 are left out and 0 are back"))
        for server in 0..<200 { states.comeUp(server, at: 2) }
        let back = news.look(at: states, now: 3)
        #expect(back.count == 16)
        #expect(back.last == .isUp("of 185 more servers 0 are down, 0 are left out and 185 are back"))
    }

    @Test("are told once when a server is left out, and once when it answers again")
    func told() throws {
        // Nobody listens there, so each client is one failure.
        let nobody = try BoundListener(
            try #require(SocketAddress(numeric: "127.0.0.1", port: 0)), workers: 1, backlog: 1
        ).address
        var pool = PoolConfiguration(
            "web", servers: [ServerConfiguration(Placed(try Upstream("\(nobody)"), at: .flag("--upstream")))])
        pool.eject = EjectRules(afterFailures: 2, forMillis: 60_000, atMostPercent: 50)
        let listener = ListenerConfiguration(
            "listen", bind: [Placed(try Endpoint("127.0.0.1:0", ports: 0...65_535), at: .flag("--listen"))])
        var configuration = ServeConfiguration(listeners: [listener], pools: [pool])
        configuration.maxConnections = 50
        let server = try Server(configuration, on: try Machine.ofThisProcess(), log: Lines().logger)
        var news = ServerNews(server.upstreams)
        #expect(news.look(at: server.serverStates, now: Clock.nowMillis()) == [])
        for _ in 0..<2 { _ = try TestClient(server.addresses[0]) }
        #expect(eventually { server.serverStates[0].ejections == 1 })
        let items = news.look(at: server.serverStates, now: Clock.nowMillis())
        guard case .leftOut(let sentence) = items.first, items.count == 1 else {
            Issue.record("not told: \(items)")
            return
        }
        #expect(sentence.hasPrefix("server \(nobody) is left out, for "))
        #expect(sentence.hasSuffix("connecting has failed 2 times in a row"))
        #expect(news.look(at: server.serverStates, now: Clock.nowMillis()) == [])
        let back = try BoundListener(nobody, workers: 1, backlog: 8)
        _ = try TestClient(server.addresses[0])
        #expect(eventually { server.serverStates[0].failuresInRow == 0 })
        #expect(
            news.look(at: server.serverStates, now: Clock.nowMillis()) == [
                .answers("server \(nobody) can be connected again")
            ])
        _ = back
    }
}
