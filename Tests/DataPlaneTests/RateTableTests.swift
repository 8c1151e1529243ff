import LinuxCalls
import Testing

@testable import DataPlane

@Suite("How fast a client may come")
struct RateTableTests {
    private static let second: Int64 = 1_000_000_000

    private func key(_ text: String) throws -> ClientKey {
        let address = try #require(SocketAddress(numeric: text, port: 1))
        return try #require(ClientKey(address))
    }

    @Test("as many at once as in a second, and then one by one")
    func burst() throws {
        let table = RateTable(count: 5, periodNanos: Self.second)
        let (gate, client) = (table.gate, try key("192.0.2.1"))
        let start = 1_000 * Self.second
        for _ in 0..<5 { #expect(gate.takes(client, at: start)) }
        #expect(!gate.takes(client, at: start))
        #expect(!gate.takes(client, at: start + Self.second / 5 - 1))
        #expect(gate.takes(client, at: start + Self.second / 5))
        #expect(!gate.takes(client, at: start + Self.second / 5))
        // Nothing is saved beyond a full bucket.
        for _ in 0..<5 { #expect(gate.takes(client, at: start + 60 * Self.second)) }
        #expect(!gate.takes(client, at: start + 60 * Self.second))
    }

    @Test("over a long time exactly the rate, whatever is refused in between")
    func longRun() throws {
        let table = RateTable(count: 50, periodNanos: Self.second)
        let (gate, client) = (table.gate, try key("2001:db8::1"))
        var taken = 0
        for milli in 0..<10_000 where gate.takes(client, at: Int64(milli) * 1_000_000) { taken += 1 }
        #expect(taken == 50 + 499)
    }

    @Test("clients do not share, but the hosts of one IPv6 /64 do")
    func keys() throws {
        let table = RateTable(count: 1, periodNanos: 60 * Self.second)
        let gate = table.gate
        #expect(try gate.takes(key("192.0.2.1"), at: 0))
        #expect(try gate.takes(key("192.0.2.2"), at: 0))
        #expect(try gate.takes(key("2001:db8::1"), at: 0))
        #expect(try !gate.takes(key("2001:db8::2"), at: 0))
        #expect(try gate.takes(key("2001:db8:0:1::1"), at: 0))
        #expect(try !gate.takes(key("192.0.2.1"), at: 0))
        // Two clocks need not agree.
        #expect(try !gate.takes(key("192.0.2.1"), at: -1_000))
    }

    @Test("with more clients than places no stranger is refused, and who has used most is remembered")
    func full() throws {
        let table = RateTable(count: 100, periodNanos: 100 * Self.second, places: 8)
        let (gate, greedy) = (table.gate, try key("192.0.2.1"))
        for _ in 0..<100 { #expect(gate.takes(greedy, at: 0)) }
        for number in 0..<5_000 {
            #expect(gate.takes(try key("10.\(number / 65_536).\(number / 256 % 256).\(number % 256)"), at: 0))
        }
        #expect(!gate.takes(greedy, at: 0))
    }
}

@Suite("What a listener takes")
struct ListenerLimitsTests {
    private func key(_ text: String) throws -> ClientKey {
        let address = try #require(SocketAddress(numeric: text, port: 1))
        return try #require(ClientKey(address))
    }

    @Test("who is refused has taken nothing")
    func refusals() throws {
        let limits = ListenerLimits(
            connectionsMax: 3, clients: ClientTable(connectionsMax: 2, clients: 16),
            rates: RateTable(count: 4, periodNanos: 1_000_000_000))
        let (gate, a, b) = (limits.gate, try key("192.0.2.1"), try key("192.0.2.2"))
        #expect(gate.enter(a, at: 0) == nil && gate.enter(a, at: 0) == nil)
        #expect(gate.enter(a, at: 0) == .tooManyOfClient && limits.current == 2)
        #expect(gate.enter(b, at: 0) == nil && gate.enter(b, at: 0) == .tooMany && limits.current == 3)
        gate.leave(a, since: gate.epoch)
        gate.leave(a, since: gate.epoch)
        #expect(gate.enter(a, at: 0) == nil)
        gate.leave(a, since: gate.epoch)
        #expect(gate.enter(a, at: 0) == nil)
        gate.leave(a, since: gate.epoch)
        // The bucket is empty: four have come.
        #expect(gate.enter(a, at: 0) == .tooFast && limits.current == 1)
        #expect(gate.enter(a, at: 249) == .tooFast && gate.enter(a, at: 250) == nil)
        gate.leave(a, since: gate.epoch)
        gate.leave(b, since: gate.epoch)
        #expect(limits.current == 0)
    }

    @Test("clients without an address are bounded together")
    func withoutAddress() {
        let limits = ListenerLimits(connectionsMax: 2, clients: ClientTable(connectionsMax: 1, clients: 16))
        #expect(limits.gate.enter(nil, at: 0) == nil && limits.gate.enter(nil, at: 0) == nil)
        #expect(limits.gate.enter(nil, at: 0) == .tooMany)
        limits.gate.leave(nil, since: limits.gate.epoch)
        #expect(limits.gate.enter(nil, at: 0) == nil)
    }

    @Test("a bound for clients that comes and goes counts whoever came under it, and nobody else")
    func epochs() throws {
        let a = try key("192.0.2.1")
        let unbounded = ListenerLimits()
        #expect(unbounded.gate.enter(a, at: 0) == nil)
        func bounded(_ most: Int, after former: ListenerLimits) -> ListenerLimits {
            let table = former.clients.map { ClientTable($0, connectionsMax: most) }
            return ListenerLimits(
                clients: table ?? ClientTable(connectionsMax: most, clients: 16), continuing: former)
        }
        let first = bounded(1, after: unbounded)
        #expect(first.gate.enter(a, at: 0) == nil && first.gate.enter(a, at: 0) == .tooManyOfClient)
        // Who came before there was a bound makes no room by leaving.
        first.gate.leave(a, since: unbounded.gate.epoch)
        #expect(first.gate.enter(a, at: 0) == .tooManyOfClient)
        // Another bound is the same table.
        let wider = bounded(2, after: first)
        #expect(wider.gate.epoch == first.gate.epoch && wider.gate.enter(a, at: 0) == nil)
        // After a time without a bound nobody is known.
        let second = bounded(1, after: ListenerLimits(continuing: wider))
        #expect(second.gate.enter(a, at: 0) == nil)
        for _ in 0..<2 { second.gate.leave(a, since: first.gate.epoch) }
        #expect(second.gate.enter(a, at: 0) == .tooManyOfClient)
        second.gate.leave(a, since: second.gate.epoch)
        #expect(second.gate.enter(a, at: 0) == nil && second.current == 1)
    }
}
