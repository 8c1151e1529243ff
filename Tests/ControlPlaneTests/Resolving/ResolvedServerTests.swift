import Testing

@testable import ControlPlane

@Suite("Servers that a name gives")
struct ResolvedServerTests {
    private func service(
        _ priority: UInt16, weight: UInt16 = 1, port: UInt16 = 80, _ host: HostAddress
    ) -> (service: DNSMessage.Service, host: HostAddress) {
        (DNSMessage.Service(priority: priority, weight: weight, port: port, target: "t"), host)
    }

    @Test("are the same in whatever order they come, and however often")
    func order() {
        let (one, two, six) = (HostAddress.ten(1), HostAddress.ten(2), HostAddress.documentation(1))
        let servers = ResolvedServer.of([six, two, one, two], port: 7)
        #expect(servers == [one, two, six].map { ResolvedServer($0, port: 7) })
        #expect(servers == ResolvedServer.of([one, six, two], port: 7))
        #expect(servers.map { "\($0.address)" } == ["10.0.0.1:7", "10.0.0.2:7", "[2001:db8::1]:7"])
        let services = [service(1, .ten(2)), service(1, .ten(1)), service(0, six)]
        #expect(ResolvedServer.of(services) == ResolvedServer.of(services.reversed()))
    }

    @Test("of the lowest priority serve, and the others are backups in their order")
    func priorities() {
        let servers = ResolvedServer.of([
            service(30, .ten(1)), service(20, .ten(3)), service(10, .ten(2)), service(20, .ten(2)),
        ])
        #expect(
            servers == [
                ResolvedServer(.ten(2), port: 80), ResolvedServer(.ten(3), port: 80, isBackup: true),
                ResolvedServer(.ten(1), port: 80, isBackup: true),
            ])
    }

    @Test(
        "have weights of the same proportions, from 1 to 256",
        arguments: [
            ([0, 0], [1, 1]), ([0, 10], [1, 10]), ([256, 3], [256, 3]), ([512, 256, 1], [256, 128, 1]),
            ([65_535, 65_535, 0], [256, 256, 1]), ([], []),
        ])
    func weights(_ given: [Int], _ expected: [Int]) { #expect(ResolvedServer.scaled(given) == expected) }

    @Test("that several services lead to have their weights together")
    func together() {
        let servers = ResolvedServer.of([
            service(1, weight: 2, .ten(1)), service(1, weight: 3, .ten(1)), service(1, weight: 9, port: 81, .ten(1)),
            service(2, weight: 400, .ten(1)),
        ])
        #expect(
            servers == [ResolvedServer(.ten(1), port: 80, weight: 5), ResolvedServer(.ten(1), port: 81, weight: 9)])
    }

    @Test("are bounded in number")
    func bounded() {
        let many = (0..<2_000).map { HostAddress.ten($0) }
        #expect(ResolvedServer.of(many.reversed(), port: 1).map(\.host) == Array(many[..<1_024]))
        #expect(ResolvedServer.of(many.map { service(1, $0) }).count == 1_024)
    }

    @Test("stand behind those that are written down, each once")
    func beside() throws {
        let file = try readFile(
            """
            listeners: [{ name: l, bind: ["[::]:1"], pool: p }]
            pools:
              - name: p
                servers: [{ address: "10.0.0.2:80", weight: 9 }, unix:/x, echo, "name:1", "[2001:0db8::01]:80"]
                resolve: { name: n, type: srv }
              - { name: q, servers: [echo] }
              - { name: r, resolve: { name: m, type: a, port: 1 } }
              - { name: s, resolve: { name: n, type: srv, refresh: ttl } }
            """
        ).configuration
        #expect(file.namesOfServers == [ResolveRules("n", .srv), ResolveRules("m", .a, port: 1)])
        let full = file.with { rules in
            guard rules.name == "n" else { return [] }
            return [
                ResolvedServer(.ten(1), port: 80, weight: 4, isBackup: true), ResolvedServer(.ten(2), port: 80),
                ResolvedServer(.ten(2), port: 81), ResolvedServer(.documentation(1), port: 80),
                ResolvedServer(.documentation(2), port: 80),
            ]
        }
        func endpoints(_ pool: Int) -> [String] {
            full.pools[pool].servers.map {
                if case .endpoint(let endpoint) = $0.upstream.value { endpoint.text } else { "echo" }
            }
        }
        #expect(
            endpoints(0) == [
                "10.0.0.2:80", "unix:/x", "echo", "name:1", "[2001:0db8::01]:80", "10.0.0.1:80", "10.0.0.2:81",
                "[2001:db8::2]:80",
            ])
        #expect(full.pools[0].servers.map(\.weight) == [9, 1, 1, 1, 1, 4, 1, 1])
        #expect(full.pools[0].servers.map(\.isBackup) == [false, false, false, false, false, true, false, false])
        #expect(full.pools[0].servers[5].upstream.origin.text == "f:5:22: pools[0].resolve.name")
        #expect(endpoints(1) == ["echo"] && endpoints(2).isEmpty && endpoints(3).count == 5)
    }
}
