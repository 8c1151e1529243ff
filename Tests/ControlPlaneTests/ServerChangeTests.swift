import ControlMessages
import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("A word on one server")
struct ServerChangeTests {
    private let addresses = [
        [["192.0.2.1", "192.0.2.2"], ["192.0.2.3"]].map { $0.compactMap { SocketAddress(numeric: $0, port: 80) } }
    ]

    private func configuration() throws -> ServeConfiguration {
        let servers = try ["name.example:80", "192.0.2.3:80"].map {
            ServerConfiguration(Placed(try Upstream($0), at: .flag("--upstream")))
        }
        return ServeConfiguration(listeners: [], pools: [PoolConfiguration("web", servers: servers)])
    }

    private func changed(_ order: ServerOrder, _ name: String, _ pool: String = "web") throws -> [ServerConfiguration] {
        try configuration().changed(order, name, pool, addresses: addresses).pools[0].servers
    }

    private func failure(_ order: ServerOrder, _ name: String, _ pool: String = "web") throws -> ControlFailure? {
        let configuration = try configuration()
        do throws(ControlFailure) {
            _ = try configuration.changed(order, name, pool, addresses: addresses)
            return nil
        } catch { return error }
    }

    @Test("a server is known by what was written and by each of its addresses")
    func names() throws {
        for name in ["name.example:80", "192.0.2.1:80", "192.0.2.2:80"] {
            #expect(try changed(.drain, name).map(\.isDraining) == [true, false], "\(name)")
        }
        #expect(try changed(.drain, "192.0.2.3:80").map(\.isDraining) == [false, true])
    }

    @Test("its weight, and whether it is there at all")
    func changes() throws {
        #expect(try changed(.weight(256), "192.0.2.3:80").map(\.weight) == [1, 256])
        #expect(try changed(.remove, "192.0.2.3:80").map(\.upstream.value.text) == ["name.example:80"])
        let added = try changed(.add(weight: 2, isBackup: true), "unix:/run/a")
        #expect(added.count == 3 && added[2].weight == 2 && added[2].isBackup)
        #expect(added[2].upstream.value.text == "unix:/run/a")
        var drained = try configuration()
        drained.pools[0].servers[1].isDraining = true
        let back = try drained.changed(.enable, "192.0.2.3:80", "web", addresses: addresses)
        #expect(back.pools[0].servers.map(\.isDraining) == [false, false])
    }

    @Test("what cannot be, and why")
    func failures() throws {
        let cases: [(ServerOrder, String, String, ControlFailure.Kind)] = [
            (.drain, "192.0.2.3:80", "nix", .unknown), (.drain, "192.0.2.4:80", "web", .unknown),
            (.weight(0), "192.0.2.3:80", "web", .wrong), (.weight(257), "192.0.2.3:80", "web", .wrong),
            (.weight(.min), "192.0.2.3:80", "web", .wrong),
            (.add(weight: nil, isBackup: false), "192.0.2.2:80", "web", .conflict),
            (.add(weight: nil, isBackup: false), "nonsense", "web", .wrong),
            (.add(weight: 999, isBackup: false), "192.0.2.9:80", "web", .wrong),
        ]
        for (order, name, pool, kind) in cases {
            let failure = try failure(order, name, pool)
            #expect(failure?.kind == kind && failure?.sentence.contains("; ") == true, "\(order) \(name)")
        }
        var alone = try configuration()
        alone.pools[0].servers.removeLast()
        #expect(throws: ControlFailure.self) {
            _ = try alone.changed(.remove, "192.0.2.1:80", "web", addresses: [[addresses[0][0]]])
        }
    }
}
