@testable import DataPlane
import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("Numbers for life")
struct RosterTests {
    private func model(
        _ pools: [(String, [String])]
    ) throws -> (configuration: ServeConfiguration, addresses: [[[SocketAddress]]]) {
        let configured = try pools.map { name, servers in
            PoolConfiguration(
                name,
                servers: try servers.map { ServerConfiguration(Placed(try Upstream($0), at: .flag("--upstream"))) })
        }
        let configuration = ServeConfiguration(listeners: [], pools: configured)
        let addresses = try pools.map {
            try $0.1.map { try Resolver.addresses(of: try Endpoint($0, ports: 1...65_535)) }
        }
        return (configuration, addresses)
    }

    private func generation(
        _ roster: Roster, _ pools: [(String, [String])], at now: Int64 = 0
    ) throws -> PoolSet {
        let (configuration, addresses) = try model(pools)
        return roster.next(
            configuration, servers: addresses, sockets: [], clients: 8, counts: true,
            try FallbackFiles(configuration.pools), at: now)
    }

    private func hasRoom(
        _ roster: Roster, _ pools: [(String, [String])], adopted: UInt64, at now: Int64
    ) throws -> Bool {
        let (configuration, addresses) = try model(pools)
        return roster.hasRoom(for: configuration, servers: addresses, adopted: adopted, at: now)
    }

    private func numbers(_ set: PoolSet, _ pool: Int) -> [UInt16] { set.pools[pool].servers.compactMap(\.number) }

    @Test("servers and pools keep theirs, whatever comes, goes, or is written in another order")
    func stay() throws {
        let roster = Roster(isChangeable: true, servers: 0)
        let (a, b, c) = ("192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1")
        #expect(numbers(try generation(roster, [("p", [a, b]), ("q", [a])]), 0) == [0, 1])
        // The same address in another pool, and twice in one, is another server.
        let second = try generation(roster, [("q", [a]), ("p", [c, b, a, a])])
        #expect(numbers(second, 0) == [3, 1, 0, 4] && numbers(second, 1) == [2] && second.generation == 2)
        let third = try generation(roster, [("r", [b]), ("p", [b])])
        #expect(numbers(third, 0) == [1] && numbers(third, 1) == [] && numbers(third, 2) == [5])
        #expect(third.servers.count == 6 && third.states === second.states)
    }

    @Test("a number is given away when nobody can mean its old server, and after a while")
    func reclaimed() throws {
        let roster = Roster(isChangeable: false, servers: 2)
        _ = try generation(roster, [("p", ["192.0.2.1:1", "192.0.2.2:1"])])
        roster.states[0].addConnections(1)
        _ = try generation(roster, [("p", ["192.0.2.2:1"])], at: 1_000)
        // It has a connection; then it has none, and a worker may still choose it; and at last it was only just so.
        let next = [("p", ["192.0.2.2:1", "192.0.2.3:1"])]
        #expect(try !hasRoom(roster, next, adopted: 2, at: 20_000))
        roster.states[0].addConnections(-1)
        #expect(try !hasRoom(roster, next, adopted: 1, at: 20_000))
        #expect(try !hasRoom(roster, next, adopted: 2, at: 10_999))
        #expect(try hasRoom(roster, next, adopted: 2, at: 11_000))
        let set = try generation(roster, next, at: 11_000)
        #expect(numbers(set, 0) == [1, 0] && "\(roster.servers[0])" == "192.0.2.3:1")
    }

    @Test("servers that a change leaves out make no room for those that it brings")
    func replaced() throws {
        let roster = Roster(isChangeable: false, servers: 2)
        let (a, b, c) = ("192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1")
        _ = try generation(roster, [("p", [a, b])])
        for next in [[("p", [a, c])], [("p", [c])], [("p", [a, a])], [("q", [a])]] {
            #expect(try !hasRoom(roster, next, adopted: 1, at: 60_000), "\(next)")
        }
        for next in [[("p", [b, a])], [("p", [b])], [("p", [])], [("p", []), ("q", [])]] {
            #expect(try hasRoom(roster, next, adopted: 1, at: 60_000), "\(next)")
        }
    }

    @Test("a listener's is by its name and place")
    func listeners() throws {
        let roster = Roster(isChangeable: true, servers: 0)
        let (here, there) = (SocketKey(address: "a", turn: 0), SocketKey(address: "a", turn: 1))
        #expect(try roster.number(of: "l", at: here) == 0)
        #expect(try roster.number(of: "l", at: there) == 1)
        #expect(try roster.number(of: "m", at: here) == 2)
        #expect(try roster.number(of: "l", at: here) == 0)
    }
}
