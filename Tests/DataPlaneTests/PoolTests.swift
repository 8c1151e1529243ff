import LinuxCalls
import Testing

@testable import DataPlane

@Suite("A pool")
struct PoolTests {
    private static func address(_ number: Int) -> SocketAddress {
        guard let address = SocketAddress(numeric: "10.0.\(number / 256).\(number % 256)", port: 80) else {
            preconditionFailure("no address")
        }
        return address
    }

    private static func servers(_ weights: [Int], backups: Int = 0) -> [ServerSettings] {
        weights.enumerated().map { ServerSettings(address($0.offset), weight: $0.element) }
            + (0..<backups).map { ServerSettings(address(1_000 + $0), isBackup: true) }
    }

    private static func client(_ number: Int) -> SocketAddress {
        guard
            let address = SocketAddress(
                numeric: "192.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)",
                port: UInt16(truncatingIfNeeded: 1024 + number % 50_000))
        else { preconditionFailure("no address") }
        return address
    }

    /// How often each server is chosen.
    private func shares(_ set: PoolSet, of count: Int, holding: Bool = false) -> [Int] {
        var table = PoolTable(set, Timeouts(), worker: 0)
        var shares = [Int](repeating: 0, count: set.servers.count)
        for index in 0..<count {
            guard let server = table.choose(0, client: Self.client(index), at: 0) else { continue }
            shares[Int(server)] += 1
            if holding { table.count(1, server) }
        }
        return shares
    }

    @Test("takes turns by weight, evenly mixed")
    func turns() {
        #expect(WeightedTurns.round([1, 1, 1]) == [0, 1, 2])
        #expect(WeightedTurns.round([7]) == [0])
        #expect(WeightedTurns.round([4, 4]) == [0, 1])
        #expect(WeightedTurns.round([2, 1]) == [0, 1, 0])
        #expect(WeightedTurns.round([]) == [])
        let round = WeightedTurns.round([50, 30, 20])
        #expect(round == [0, 1, 2, 0, 0, 1, 0, 2, 1, 0])
    }

    @Test("never leaves a server waiting for longer than its share allows", arguments: [1, 2, 3, 4])
    func turnsAreEven(seed: UInt64) {
        var random = SeededRandom(state: seed)
        let weights = (0..<20).map { _ in 1 + random.below(ServerSettings.weightMax) }
        let round = WeightedTurns.round(weights)
        let total = weights.reduce(0, +)
        #expect(round.count * weights[0] % total == 0 || total % round.count == 0)
        for (server, weight) in weights.enumerated() {
            let places = round.indices.filter { round[$0] == server }
            #expect(places.count * total == weight * round.count)
            let gaps = zip(places, places.dropFirst() + [round.count + (places.first ?? 0)]).map { $1 - $0 }
            let fair = Double(total) / Double(weight)
            #expect(Double(gaps.max() ?? 0) <= 2 * fair + 1, "server \(server)")
        }
    }

    @Test("shares connections by weight", arguments: [Balance.roundRobin, .randomTwo, .leastConnections, .sourceHash])
    func byWeight(balance: Balance) {
        let weights = [1, 2, 3, 4]
        let count = 40_000
        let set = PoolSet([PoolSettings(Self.servers(weights), balance)])
        let shares = shares(set, of: count, holding: true)
        for (share, weight) in zip(shares, weights) {
            let fair = Double(count * weight) / 10
            #expect(abs(Double(share) - fair) < fair * 0.04 + 10, "\(balance): \(shares)")
        }
    }

    @Test("begins at another server in each worker")
    func workers() {
        let set = PoolSet([PoolSettings(Self.servers([1, 1, 1]))])
        let firsts = (0..<4).map { worker in
            var table = PoolTable(set, Timeouts(), worker: worker)
            return table.choose(0, client: nil, at: 0)
        }
        #expect(firsts == [0, 1, 2, 0])
    }

    @Test("goes to whichever has the fewest connections, of all workers")
    func leastConnections() {
        let set = PoolSet([PoolSettings(Self.servers([1, 1, 1]), .leastConnections)])
        var one = PoolTable(set, Timeouts(), worker: 0)
        var other = PoolTable(set, Timeouts(), worker: 1)
        for server in [0, 0, 2, 2] { one.count(1, UInt16(server)) }
        let first = other.choose(0, client: nil, at: 0)
        #expect(first == 1)
        other.count(1, 1)
        let second = one.choose(0, client: nil, at: 0)
        #expect(second == 1)
        other.count(1, 1)
        one.count(-1, 2)
        let third = other.choose(0, client: nil, at: 0)
        #expect(third == 2)
        #expect((0..<3).map { set.states[$0].connections } == [2, 2, 1])
    }

    @Test("of two drawn takes the one with fewer connections, so none is far above the others")
    func randomTwo() {
        let set = PoolSet([PoolSettings(Self.servers(Array(repeating: 1, count: 50)), .randomTwo)])
        let held = shares(set, of: 50_000, holding: true)
        #expect((held.max() ?? 0) - (held.min() ?? 0) < 30, "blind draws differ by about 150: \(held)")
    }

    /// Every server that one client tries, where none can be connected.
    private func tries(_ table: inout PoolTable, _ pool: UInt16, client: SocketAddress? = nil, at now: Int64 = 0)
        -> [Int]
    {
        guard let first = table.choose(pool, client: client, at: now) else { return [] }
        var tried = [first]
        while let next = table.after(tried[tried.count - 1], first: first, pool, at: now) { tried.append(next) }
        return tried.map(Int.init)
    }

    @Test("always takes the first one, and the others in their order when it fails")
    func first() {
        let set = PoolSet([PoolSettings(Self.servers([1, 5, 1], backups: 2), .first)])
        var table = PoolTable(set, Timeouts(), worker: 1)
        let tried = tries(&table, 0)
        #expect(tried == [0, 1, 2, 3, 4])
    }

    @Test("tries every other server once, and the backups last", arguments: Balance.allCases)
    func retries(balance: Balance) {
        let set = PoolSet([
            PoolSettings(Self.servers([1])), PoolSettings(Self.servers([3, 1, 2, 1], backups: 3), balance),
        ])
        var table = PoolTable(set, Timeouts(), worker: 0)
        #expect(set.servers.count == 8)
        for index in 0..<20 {
            let tried = tries(&table, 1, client: Self.client(index))
            #expect(Set(tried) == Set(1...7) && tried.count == 7 && tried.suffix(3) == [5, 6, 7], "\(tried)")
        }
    }

    // MARK: Leaving out

    private static func ejecting(_ balance: Balance, backups: Int = 0, _ change: (inout EjectRules) -> Void = { _ in })
        -> PoolSet
    {
        var pool = PoolSettings(servers([1, 1, 1, 1], backups: backups), balance)
        var rules = EjectRules(afterFailures: 3, forMillis: 1_000, atMostPercent: 50)
        change(&rules)
        pool.eject = rules
        return PoolSet([pool])
    }

    @Test("leaves a server out after so many failures in a row, for so long", arguments: Balance.allCases)
    func ejects(balance: Balance) {
        let set = Self.ejecting(balance)
        var table = PoolTable(set, Timeouts(), worker: 0)
        // A success in between begins anew.
        let failures = [0, 1].map { _ in table.failed(1, 0, at: 100) }
        table.succeeded(1, 0)
        let others = [0, 1].map { _ in table.failed(1, 0, at: 100) }
        #expect(!failures.contains(true) && !others.contains(true))
        let isOut = table.failed(1, 0, at: 100)
        #expect(isOut && set.states[1].ejectedUntilMillis == 1_100 && set.states[1].ejections == 1)
        for index in 0..<200 {
            let tried = tries(&table, 0, client: Self.client(index), at: 1_099)
            #expect(Set(tried) == [0, 2, 3], "\(tried)")
        }
        var seen: Set<Int> = []
        for index in 0..<200 { seen.formUnion(tries(&table, 0, client: Self.client(index), at: 1_100)) }
        #expect(seen == [0, 1, 2, 3])
        // It has not proved itself: one more failure is enough.
        let isOutAgain = table.failed(1, 0, at: 1_200)
        #expect(isOutAgain && set.states[1].ejections == 2)
        table.succeeded(1, 0)
        #expect(set.states[1].failuresInRow == 0)
    }

    @Test("leaves out no more servers than it may, but always one")
    func atMost() {
        for (percent, most) in [(50, 2), (100, 4), (0, 1), (74, 2), (75, 3)] {
            let set = Self.ejecting(.roundRobin) { $0.atMostPercent = percent }
            let table = PoolTable(set, Timeouts(), worker: 0)
            for server in 0..<4 {
                for _ in 0..<5 { _ = table.failed(UInt16(server), 0, at: 0) }
            }
            let out = (0..<4).count { set.states[$0].ejectedUntilMillis > 0 }
            #expect(out == most, "\(percent) per cent")
        }
    }

    @Test("goes to the backups when all others are left out, and to any when those are too")
    func allEjected() {
        let set = Self.ejecting(.leastConnections, backups: 1) { $0.atMostPercent = 100 }
        var table = PoolTable(set, Timeouts(), worker: 0)
        for server in 0..<4 {
            for _ in 0..<3 { _ = table.failed(UInt16(server), 0, at: 0) }
        }
        let tried = tries(&table, 0)
        #expect(tried == [4])
        for _ in 0..<3 { _ = table.failed(4, 0, at: 0) }
        let chosen = table.choose(0, client: nil, at: 0) ?? .max
        #expect(chosen < 4, "somebody has to be asked")
    }

    @Test("spreads what a left out server would have had")
    func spreads() {
        for balance in [Balance.randomTwo, .leastConnections] {
            let set = Self.ejecting(balance)
            var table = PoolTable(set, Timeouts(), worker: 0)
            for _ in 0..<3 { _ = table.failed(0, 0, at: 0) }
            for _ in 0..<3_000 {
                if let server = table.choose(0, client: nil, at: 0) { table.count(1, server) }
            }
            let shares = (0..<4).map { set.states[$0].connections }
            #expect(shares[0] == 0 && shares[1...].allSatisfy { abs($0 - 1_000) < 40 }, "\(balance): \(shares)")
        }
    }

    @Test("without rules leaves nobody out")
    func neverEjects() {
        let set = PoolSet([PoolSettings(Self.servers([1, 1]))])
        let table = PoolTable(set, Timeouts(), worker: 0)
        let isOut = (0..<100).map { _ in table.failed(0, 0, at: 0) }.contains(true)
        #expect(!isOut && set.states[0].failuresInRow == 0)
    }

    @Test("of backups alone uses them like others")
    func onlyBackups() {
        let set = PoolSet([PoolSettings(Self.servers([], backups: 2))])
        #expect(shares(set, of: 10) == [5, 5])
    }

    @Test("keeps its own times, sources and fallback; a listener has the pool it names")
    func ofItsOwn() throws {
        var second = PoolSettings(Self.servers([1]))
        second.timeouts = Timeouts()
        second.timeouts?.idleMillis = 77
        second.sources = [Self.address(9)]
        second.fallback = 5
        let set = PoolSet(
            [PoolSettings(Self.servers([1])), second], listeners: [1, 0].map { ListenerSettings(pool: $0) })
        var given = Timeouts()
        given.idleMillis = 11
        let table = PoolTable(set, given, worker: 0)
        let idle = [table.timeouts(of: 0).idleMillis, table.timeouts(of: 1).idleMillis]
        #expect(idle == [11, 77])
        let fallbacks = [table[0].pointee.fallback, table[1].pointee.fallback]
        #expect(fallbacks == [-1, 5])
        let pools = (0..<3).map { table.listener($0).pointee.pool(for: .unknown) }
        #expect(pools == [1, 0, 0])
        let family = Self.address(1).family
        let sources = [table.nextSource(0, family: family) == nil, table.nextSource(1, family: family) == nil]
        #expect(sources == [true, false])
    }

    // MARK: Maglev

    @Test("sends a client always to the same server, by its address alone")
    func sourceHash() throws {
        let set = PoolSet([PoolSettings(Self.servers([1, 1, 1, 1]), .sourceHash)])
        var one = PoolTable(set, Timeouts(), worker: 0)
        var other = PoolTable(set, Timeouts(), worker: 3)
        for number in 0..<500 {
            let a = try #require(SocketAddress(numeric: "198.51.\(number / 250).\(number % 250)", port: 1))
            let b = try #require(SocketAddress(numeric: "198.51.\(number / 250).\(number % 250)", port: 60_000))
            let servers = (one.choose(0, client: a, at: 0), other.choose(0, client: b, at: 0))
            #expect(servers.0 == servers.1)
        }
        let six = try #require(SocketAddress(numeric: "2001:db8::1", port: 1))
        let same = try #require(SocketAddress(numeric: "2001:db8::1", port: 2))
        #expect(Maglev.place(of: six) == Maglev.place(of: same))
    }

    @Test("fills every place, with shares within two per cent of the weights")
    func maglevShares() {
        let servers = Self.servers([1, 1, 1, 1, 2, 2, 4, 8, 100])
        let table = Maglev.table(servers)
        #expect(table.count == Maglev.places && !table.contains(.max))
        for (index, server) in servers.enumerated() {
            let fair = Double(Maglev.places * server.weight) / 120
            let share = Double(table.count { $0 == index })
            #expect(abs(share - fair) < fair * 0.02 + 2, "server \(index): \(share) of \(fair)")
        }
    }

    /// The paper's figure 12: a few per cent of the clients of the servers that stay.
    @Test("moves few clients of the others when a server goes")
    func disruption() {
        let servers = Self.servers(Array(repeating: 1, count: 20))
        let before = Maglev.table(servers)
        for gone in [0, 7, 19] {
            var left = servers
            left.remove(at: gone)
            let after = Maglev.table(left)
            var moved = 0
            for place in 0..<Maglev.places where before[place] != gone {
                let now = Int(after[place]) >= gone ? Int(after[place]) + 1 : Int(after[place])
                if now != Int(before[place]) { moved += 1 }
            }
            let share = Double(moved) / Double(Maglev.places)
            #expect(share < 0.03, "\(share) of all places moved that need not")
        }
    }

    @Test("does not depend on the order in which the servers are named")
    func order() {
        let servers = Self.servers([1, 1, 1, 1, 1])
        let there = Maglev.table(servers)
        let back = Maglev.table(servers.reversed())
        let same = (0..<Maglev.places).count { Int(there[$0]) == 4 - Int(back[$0]) }
        #expect(Double(same) / Double(Maglev.places) > 0.95)
    }
}
