import DataPlane
import Glibc
import LinuxCalls
import Testing

@testable import ControlPlane

/// A server that goes from one configuration to another while it serves.
@Suite("Adopting another configuration", .serialized)
struct AdoptionTests {
    private static let engines: [EngineWish] = [.uring, .epoll]

    private func configuration(_ engine: EngineWish, _ text: String) throws -> ServeConfiguration {
        try readFile("engine: \(engine.rawValue)\nworkers: 2\nlimits: { connections: 50 }\n\(text)").configuration
    }

    private func server(_ configuration: ServeConfiguration) throws -> Server {
        try Server(configuration, on: try Machine.ofThisProcess(), isChangeable: true, log: Lines().logger)
    }

    /// Connections are taken by the kernel, and nobody answers.
    private func silent() throws -> BoundListener {
        try BoundListener(try #require(SocketAddress(numeric: "127.0.0.1", port: 0)), workers: 1, backlog: 64)
    }

    private func refuses(_ address: SocketAddress) -> Bool {
        guard let client = try? TestClient(address) else { return true }
        return (try? client.exchange([1])) == nil
    }

    @Test("connections go on, and what is new is served", arguments: engines)
    func goesOn(engine: EngineWish) throws {
        let path = freshPath()
        let first = """
            listeners: [{ name: one, bind: ["127.0.0.1:0"] }]
            pools: [{ name: p, servers: [echo] }]
            """
        let server = try server(try configuration(engine, first))
        let before = try TestClient(server.addresses[0])
        #expect(try before.exchange([1, 2, 3]) == [1, 2, 3])
        let difference = try server.adopt(
            try configuration(
                engine,
                """
                listeners:
                  - { name: one, bind: ["127.0.0.1:0", "[::1]:0"], pool: p }
                  - { name: two, bind: ["unix:\(path)"], pool: p }
                pools: [{ name: p, servers: [echo] }]
                """))
        #expect(
            difference.changes == [
                "listener one is added on [::1]:0", "listener two is added on unix:\(path)",
            ])
        #expect(difference.needsRestart == [] && server.generation == 2)
        #expect(eventually { server.hasSettled })
        #expect(try before.exchange([4, 5]) == [4, 5])
        #expect(server.addresses.count == 3)
        let clients = try server.addresses.map { try TestClient($0) }
        for client in clients { #expect(try client.exchange([6]) == [6]) }
        #expect(eventually { server.serverStates[0].connections == 4 && server.totals[.active] == 4 })

        _ = try server.adopt(try configuration(engine, first))
        #expect(eventually { server.hasSettled } && server.addresses.count == 1)
        #expect(access(path, F_OK) != 0)
        for client in clients + [before] { #expect(try client.exchange([7]) == [7]) }
    }

    @Test("a listener that is gone refuses, and serves whom it has taken", arguments: engines)
    func listenerGone(engine: EngineWish) throws {
        let pools = "pools: [{ name: p, servers: [echo] }]"
        let both = "listeners: [{ name: a, bind: [\"127.0.0.1:0\"] }, { name: b, bind: [\"[::1]:0\"] }]\n\(pools)"
        let server = try server(try configuration(engine, both))
        let (kept, gone) = (server.addresses[0], server.addresses[1])
        let client = try TestClient(gone)
        #expect(try client.exchange([1]) == [1])
        let difference = try server.adopt(
            try configuration(engine, "listeners: [{ name: a, bind: [\"127.0.0.1:0\"] }]\n\(pools)"))
        #expect(difference.changes == ["listener b is removed, 1 connection goes on"])
        #expect(eventually { server.hasSettled && refuses(gone) })
        #expect(server.addresses.map(\.description) == [kept.description])
        #expect(try client.exchange([2]) == [2] && (try TestClient(kept).exchange([3])) == [3])
    }

    @Test("a listener that is called otherwise keeps its port", arguments: engines)
    func renamed(engine: EngineWish) throws {
        func text(_ name: String, limits: String = "") -> String {
            "listeners: [{ name: \(name), bind: [\"127.0.0.1:0\"]\(limits) }]\npools: [{ name: p, servers: [echo] }]"
        }
        let server = try server(try configuration(engine, text("old", limits: ", limits: { connections: 2 }")))
        let address = server.addresses[0]
        let clients = try [TestClient(address), TestClient(address)]
        for client in clients { #expect(try client.exchange([1]) == [1]) }
        _ = try server.adopt(try configuration(engine, text("new", limits: ", limits: { connections: 1 }")))
        #expect(eventually { server.hasSettled } && server.addresses[0].description == address.description)
        // Those of the old listener are counted there.
        let client = try TestClient(address)
        #expect(try client.exchange([2]) == [2])
        try TestClient(address).expectEnd()
        for client in clients { #expect(try client.exchange([3]) == [3]) }
    }

    @Test("limits change for those who come, and who is here counts", arguments: engines)
    func limits(engine: EngineWish) throws {
        func text(_ limits: String) -> String {
            "listeners: [{ name: l, bind: [\"127.0.0.1:0\"]\(limits) }]\npools: [{ name: p, servers: [echo] }]"
        }
        let server = try server(try configuration(engine, text("")))
        let first = try TestClient(server.addresses[0])
        #expect(try first.exchange([1]) == [1])
        for (limits, taken) in [
            (", limits: { connections: 2, per_client: 5 }", 2), (", limits: { connections: 9, per_client: 3 }", 4),
        ] {
            _ = try server.adopt(try configuration(engine, text(limits)))
            #expect(eventually { server.hasSettled })
            var clients: [TestClient] = []
            while let client = try? TestClient(server.addresses[0]), (try? client.exchange([2])) == [2] {
                clients.append(client)
            }
            // The very first one came before clients were told apart.
            #expect(clients.count + 1 == taken, "\(limits)")
            clients = []
            #expect(eventually { server.totals[.active] == 1 })
        }
    }

    @Test("servers keep their numbers, and those that are gone keep their connections", arguments: engines)
    func servers(engine: EngineWish) throws {
        let listeners = try [silent(), silent(), silent()]
        let places = listeners.map { "\"\($0.address)\"" }
        func text(_ servers: [String]) -> String {
            """
            listeners: [{ name: l, bind: ["127.0.0.1:0"] }]
            pools: [{ name: p, balance: first, servers: [\(servers.joined(separator: ", "))] }]
            """
        }
        let server = try server(try configuration(engine, text([places[0], places[1]])))
        let first = try TestClient(server.addresses[0])
        #expect(eventually { server.serverStates[0].connections == 1 })
        let difference = try server.adopt(try configuration(engine, text([places[2], places[1]])))
        #expect(
            difference.changes == [
                "pool p: server \(listeners[2].address) is added",
                "pool p: server \(listeners[0].address) is removed, 1 connection goes on",
            ])
        #expect(eventually { server.hasSettled })
        let second = try TestClient(server.addresses[0])
        #expect(eventually { server.serverStates[2].connections == 1 })
        #expect(server.serverStates[0].connections == 1 && server.serverStates[1].connections == 0)
        #expect(server.upstreams == listeners.map(\.address))
        var draining = try configuration(engine, text([places[2], places[1]]))
        draining.pools[0].servers[0].isDraining = true
        #expect(
            try server.adopt(draining).changes == [
                "pool p: server \(listeners[2].address) is drained, 1 connection goes on"
            ])
        #expect(eventually { server.hasSettled })
        let third = try TestClient(server.addresses[0])
        #expect(eventually { server.serverStates[1].connections == 1 } && server.serverStates[2].connections == 1)
        _ = (first, second, third)
    }

    @Test("what cannot be served changes nothing", arguments: engines)
    func refused(engine: EngineWish) throws {
        let taken = try silent()
        let path = freshPath()
        let text = "listeners: [{ name: l, bind: [\"127.0.0.1:0\"] }]\npools: [{ name: p, servers: [echo] }]"
        let server = try server(try configuration(engine, text))
        let address = server.addresses[0]
        for bind in ["\"unix:\(path)\", \"\(taken.address)\"", "\"192.0.2.1:80\"", "\"fd:5\""] {
            let wrong = "listeners: [{ name: m, bind: [\(bind)] }]\npools: [{ name: p, servers: [echo] }]"
            #expect(throws: Refusal.self) { _ = try server.adopt(try configuration(engine, wrong)) }
            #expect(access(path, F_OK) != 0)
            #expect(server.generation == 1 && server.addresses.map(\.description) == [address.description])
            #expect(try TestClient(address).exchange([1]) == [1])
        }
        _ = try server.adopt(try configuration(engine, text))
        #expect(eventually { server.hasSettled } && server.generation == 2)
    }

    @Test("health is kept where nothing else is checked, and forgotten with the checks")
    func health() throws {
        let nobody = try silent().address
        func text(_ rules: String) -> String {
            """
            listeners: [{ name: l, bind: ["127.0.0.1:0"] }]
            pools: [{ name: p, servers: ["\(nobody)"]\(rules) }]
            """
        }
        let checked = ", health: { interval: 100ms, rise: 2, fall: 1 }"
        let server = try server(try configuration(.epoll, text(checked)))
        #expect(eventually { server.serverStates[0].isDown })
        let checks = server.healthCounts?.checks ?? 0
        for _ in 0..<3 {
            _ = try server.adopt(try configuration(.epoll, text(checked + ", slow_start: 1s")))
            try server.renewHealthChecks()
            #expect(server.serverStates[0].isDown)
        }
        // Another interval begins anew, and knows what was known.
        _ = try server.adopt(try configuration(.epoll, text(", health: { interval: 50ms, rise: 2, fall: 1 }")))
        try server.renewHealthChecks()
        #expect(server.serverStates[0].isDown && server.healthCounts?.wentDown == 1)
        #expect(eventually { (server.healthCounts?.checks ?? 0) > checks + 2 })
        _ = try server.adopt(try configuration(.epoll, text("")))
        try server.renewHealthChecks()
        #expect(!server.serverStates[0].isDown && server.healthCounts == nil)
    }

    @Test("keys that need a restart are named, and the rest is adopted")
    func needsRestart() throws {
        let text = "listeners: [{ name: l, bind: [\"127.0.0.1:0\"] }]\npools: [{ name: p, servers: [echo] }]"
        let server = try server(try configuration(.epoll, text))
        var other = try configuration(.epoll, text.replacing("name: l,", "name: l, backlog: 7,"))
        other.workers = 1
        other.maxConnections = 49
        other.spinMicros = 1
        let difference = try server.adopt(other)
        #expect(
            difference.needsRestart == [
                "the socket options of listener l where it listens already", "workers", "spin_micros",
                "limits.connections",
            ])
        #expect(difference.changes == [] && eventually { server.hasSettled })
        #expect(try TestClient(server.addresses[0]).exchange([1]) == [1])
    }
}

extension String {
    fileprivate func replacing(_ old: String, _ new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return self[..<range.lowerBound] + new + self[range.upperBound...]
    }
}
