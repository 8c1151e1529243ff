import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("Looking a name up")
struct NameLookupTests {
    /// Name servers that know these messages, by name and type, and a machine that knows these addresses.
    private func lookup(
        _ said: [String: Result<DNSMessage, NameFailure>], hosts: [String: [HostAddress]] = [:]
    ) -> NameLookup {
        NameLookup(
            ask: { name, type in said["\(name) \(type)"] ?? .failure(.noName) }, hosts: { name in hosts[name] ?? [] })
    }

    private func said(_ question: String, _ answers: [UInt8]..., also additional: [[UInt8]] = []) throws -> Result<
        DNSMessage, NameFailure
    > {
        .success(try #require(MessageBytes(question: question, answers: answers, additional: additional).message))
    }

    private func answer(_ lookup: NameLookup, _ rules: ResolveRules) -> Result<NameAnswer, NameFailure> {
        do throws(NameFailure) { return .success(try lookup.answer(to: rules)) } catch { return .failure(error) }
    }

    @Test("gives addresses of the wanted kind with the pool's port")
    func addresses() throws {
        let both = lookup([
            "n a": try said("n", MessageBytes.a("n", 2, ttl: 9), MessageBytes.a("n", 1), MessageBytes.aaaa("n", 7)),
            "n aaaa": try said("n", MessageBytes.aaaa("n", 3, ttl: 8)),
        ])
        let four = [ResolvedServer(.ten(1), port: 5), ResolvedServer(.ten(2), port: 5)]
        let six = [ResolvedServer(.documentation(3), port: 5)]
        #expect(try answer(both, ResolveRules("n", .a, port: 5)).get() == NameAnswer(servers: four, secondsToLive: 9))
        #expect(try answer(both, ResolveRules("n", .aaaa, port: 5)).get() == NameAnswer(servers: six, secondsToLive: 8))
        #expect(
            try answer(both, ResolveRules("n", .addresses, port: 5)).get()
                == NameAnswer(servers: four + six, secondsToLive: 8))
    }

    @Test("takes one family where there is no other, and fails where one has not answered")
    func families() throws {
        let rules = ResolveRules("n", .addresses, port: 5)
        let four = try said("n", MessageBytes.a("n", 1))
        #expect(try answer(lookup(["n a": four, "n aaaa": .failure(.noRecords)]), rules).get().servers.count == 1)
        #expect(answer(lookup(["n a": four, "n aaaa": .failure(.noAnswer)]), rules) == .failure(.noAnswer))
        #expect(answer(lookup([:]), rules) == .failure(.noName))
        let nowhere = MessageBytes.record(MessageBytes.name("n"), 1, [0, 0, 0, 0])
        #expect(
            answer(lookup(["n a": try said("n", nowhere)]), ResolveRules("n", .a, port: 5)) == .failure(.noRecords))
    }

    @Test("believes the machine's own file first")
    func hosts() throws {
        let both = lookup(["n a": try said("n", MessageBytes.a("n", 1))], hosts: ["n": [.ten(9), .documentation(9)]])
        let found = try answer(both, ResolveRules("n", .a, port: 5)).get()
        #expect(found == NameAnswer(servers: [ResolvedServer(.ten(9), port: 5)], secondsToLive: 30))
        let file = "# 10.0.0.1 n\n10.0.0.2\tx N # m\n::1 n\r\n10.0.0.7 x\nwrong n\n10.0.0.3 m n"
        #expect(HostsFile.addresses(of: "n.", in: file) == [.ten(2), .ipv6(1), .ten(3)])
        #expect(HostsFile.addresses(of: "localhost").contains(.ipv4(0x7F00_0001)))
        #expect(HostsFile.addresses(of: "localhost", path: "/nowhere").isEmpty)
    }

    @Test("gives services with what comes along with them, and asks for what does not")
    func services() throws {
        let name = "_x._tcp.n"
        let servers = lookup([
            "\(name) srv": try said(
                name, MessageBytes.srv(name, "one.n", port: 81, weight: 0),
                MessageBytes.srv(name, "two.n", weight: 700),
                MessageBytes.srv(name, "gone.n"), MessageBytes.srv(name, ""),
                MessageBytes.srv(name, "three.n", port: 0),
                MessageBytes.srv(name, "one.n", port: 91, priority: 5),
                also: [MessageBytes.a("one.n", 1, ttl: 20), MessageBytes.aaaa("one.n", 2), MessageBytes.a("x.n", 9)]),
            "two.n. a": try said("two.n", MessageBytes.a("two.n", 3, ttl: 10)),
            "two.n. aaaa": .failure(.noRecords),
            "three.n. a": try said("three.n", MessageBytes.a("three.n", 4)),
        ])
        let found = try answer(servers, ResolveRules(name, .srv)).get()
        #expect(found.secondsToLive == 10)
        #expect(
            found.servers == [
                ResolvedServer(.ten(1), port: 81), ResolvedServer(.ten(3), port: 80, weight: 256),
                ResolvedServer(.documentation(2), port: 81), ResolvedServer(.ten(1), port: 91, isBackup: true),
                ResolvedServer(.documentation(2), port: 91, isBackup: true),
            ])
    }

    @Test("fails where a service's target cannot be asked for, and where no service is any")
    func failures() throws {
        let rules = ResolveRules("n", .srv)
        let two = try said("n", MessageBytes.srv("n", "one.n"), MessageBytes.srv("n", "two.n"))
        let one = try said("one.n", MessageBytes.a("one.n", 1))
        #expect(
            answer(lookup(["n srv": two, "one.n. a": one, "two.n. a": .failure(.noAnswer)]), rules)
                == .failure(.noAnswer))
        #expect(try answer(lookup(["n srv": two, "one.n. a": one]), rules).get().servers.count == 1)
        #expect(answer(lookup(["n srv": two]), rules) == .failure(.noRecords))
        #expect(answer(lookup(["n srv": try said("n", MessageBytes.srv("n", ""))]), rules) == .failure(.noRecords))
        #expect(answer(lookup(["n srv": .failure(.badAnswer)]), rules) == .failure(.badAnswer))
        #expect(
            [Errno.noEntry, Errno.noData, Errno.protocolError, Errno.again].map { NameFailure(code: $0) }
                == [.noName, .noRecords, .badAnswer, .noAnswer])
    }
}
