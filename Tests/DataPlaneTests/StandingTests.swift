import LinuxCalls
import Testing

@testable import DataPlane

@Suite("Servers of a pool that stand differently")
struct StandingTests {
    private static func address(_ number: Int) -> SocketAddress {
        guard let address = SocketAddress(numeric: "10.1.\(number / 256).\(number % 256)", port: 80) else {
            preconditionFailure("no address")
        }
        return address
    }

    private static func pool(
        _ count: Int, _ balance: Balance, backups: Int = 0, _ change: (inout PoolSettings) -> Void = { _ in }
    ) -> PoolSet {
        let servers = (0..<count).map { ServerSettings(address($0)) }
        var pool = PoolSettings(
            servers + (0..<backups).map { ServerSettings(address(1_000 + $0), isBackup: true) }, balance)
        change(&pool)
        return PoolSet([pool])
    }

    private static func client(_ number: Int) -> SocketAddress? {
        SocketAddress(numeric: "192.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)", port: 1)
    }

    /// How often each server is chosen, and held where the balance goes by connections.
    private func shares(_ table: inout PoolTable, _ set: PoolSet, of count: Int, at now: Int64 = 0) -> [Int] {
        var shares = [Int](repeating: 0, count: set.servers.count)
        for index in 0..<count {
            guard let server = table.choose(0, client: Self.client(index), at: now) else { continue }
            shares[Int(server)] += 1
            table.count(1, server)
        }
        return shares
    }

    // MARK: Down

    @Test("one that is down gets nobody, and the others get its share evenly", arguments: Balance.allCases)
    func down(balance: Balance) {
        let set = Self.pool(4, balance) { $0.isChecked = true }
        var table = PoolTable(set, Timeouts(), worker: 0)
        set.states.goDown(0)
        let shares = shares(&table, set, of: 3_000)
        #expect(shares[0] == 0 && shares.reduce(0, +) == 3_000)
        if balance == .first {
            #expect(shares[1] == 3_000)
        } else {
            #expect(shares[1...].allSatisfy { abs($0 - 1_000) < 150 }, "\(balance): \(shares)")
        }
        set.states.comeUp(0, at: 1)
        let back = self.shares(&table, set, of: 3_000)
        #expect(back[0] > 600)
    }

    @Test("one that is down is not tried after another one has failed", arguments: Balance.allCases)
    func downAfterwards(balance: Balance) {
        let set = Self.pool(3, balance, backups: 2) { $0.isChecked = true }
        let table = PoolTable(set, Timeouts(), worker: 0)
        set.states.goDown(1)
        set.states.goDown(3)
        let next = [table.after(0, first: 0, 0, at: 0), table.after(2, first: 0, 0, at: 0)]
        #expect(next == [2, 4])
        let last = table.after(4, first: 0, 0, at: 0)
        #expect(last == nil)
    }

    @Test(
        "where all are down the backups serve, and where those are too, nobody is connected",
        arguments: Balance.allCases)
    func allDown(balance: Balance) {
        let set = Self.pool(3, balance, backups: 2) { $0.isChecked = true }
        var table = PoolTable(set, Timeouts(), worker: 0)
        for server in 0..<3 { set.states.goDown(server) }
        let first = table.choose(0, client: Self.client(1), at: 0)
        #expect(first == 3)
        set.states.goDown(3)
        let second = table.choose(0, client: Self.client(1), at: 0)
        #expect(second == 4)
        set.states.goDown(4)
        let third = table.choose(0, client: Self.client(1), at: 0)
        #expect(third == nil)
        set.states.comeUp(2, at: 5)
        let last = table.choose(0, client: Self.client(1), at: 5)
        #expect(last == 2)
    }

    @Test("of those left out and those down only the former are asked when there is nobody else")
    func leftOutOrDown() {
        let set = Self.pool(3, .roundRobin) {
            $0.isChecked = true
            $0.eject = EjectRules(afterFailures: 1, forMillis: 1_000, atMostPercent: 100)
        }
        var table = PoolTable(set, Timeouts(), worker: 0)
        set.states.goDown(0)
        set.states.goDown(2)
        let isOut = table.failed(1, 0, at: 0)
        #expect(isOut)
        let chosen = (0..<9).map { _ in table.choose(0, client: nil, at: 10) }
        #expect(chosen.allSatisfy { $0 == 1 })
    }

    @Test("falls are counted, and the sessions of the fallen are known where they are to end")
    func falls() {
        let set = Self.pool(2, .roundRobin) {
            $0.isChecked = true
            $0.resetsSessionsOfFallen = true
        }
        let kept = Self.pool(2, .roundRobin) { $0.isChecked = true }
        let table = PoolTable(set, Timeouts(), worker: 0)
        let keeping = PoolTable(kept, Timeouts(), worker: 0)
        let before = table.falls
        set.states.goDown(1)
        kept.states.goDown(1)
        let after = table.falls
        let forsaken = [table.isForsaken(0, 0), table.isForsaken(1, 0), keeping.isForsaken(1, 0)]
        #expect(before == 0 && after == 1 && forsaken == [false, true, false])
    }

    // MARK: Doubt

    @Test(
        "one that fails is passed over for 100 ms, and twice as long each time, by those who go by connections",
        arguments: [Balance.leastConnections, .randomTwo])
    func doubt(balance: Balance) {
        let set = Self.pool(2, balance)
        var table = PoolTable(set, Timeouts(), worker: 0)
        // Both have had a share, so that the one that fails would be preferred.
        table.count(50, 1)
        _ = table.failed(0, 0, at: 1_000)
        // Others that had been on the way fail as well, which changes nothing.
        for _ in 0..<20 { _ = table.failed(0, 0, at: 1_001) }
        let passedOver = shares(&table, set, of: 50, at: 1_099)
        #expect(passedOver == [0, 50])
        var pause: Int64 = 200
        var now: Int64 = 1_100
        for _ in 0..<8 {
            // Whoever comes first tries it, and the others do not while that goes on.
            var tried = 0
            for _ in 0..<200 where table.choose(0, client: nil, at: now) == 0 { tried += 1 }
            #expect(tried == 1)
            _ = table.failed(0, 0, at: now + 1)
            #expect(set.states[0].doubtedUntilMillis == now + pause)
            now += pause
            pause = min(3_200, pause * 2)
        }
        table.succeeded(0, 0)
        #expect(set.states[0].doubts == 0 && set.states[0].doubtedUntilMillis == 0)
    }

    @Test("where all have failed, each is asked as if none had")
    func allDoubted() {
        let set = Self.pool(3, .leastConnections)
        var table = PoolTable(set, Timeouts(), worker: 0)
        for server in 0..<3 { _ = table.failed(UInt16(server), 0, at: 0) }
        #expect(shares(&table, set, of: 30, at: 50) == [10, 10, 10])
        #expect((0..<3).allSatisfy { set.states[$0].doubts == 1 }, "none has been asked after its moment was over")
    }

    @Test("a server that refuses costs one client a second choice now and then, and not every one")
    func fewTry() {
        let set = Self.pool(4, .leastConnections)
        var table = PoolTable(set, Timeouts(), worker: 0)
        var tries = 0
        // Ten seconds of a thousand clients each, who stay.
        for client in 0..<10_000 {
            let now = Int64(client)
            guard let server = table.choose(0, client: nil, at: now) else { continue }
            guard server != 2 else {
                tries += 1
                _ = table.failed(2, 0, at: now)
                guard let other = table.after(2, first: 2, 0, at: now) else { continue }
                table.count(1, other)
                continue
            }
            table.succeeded(server, 0)
            table.count(1, server)
        }
        // At 0, 100, 300, 700, 1,500, 3,100, 6,300 and 9,500 ms.
        #expect(tries == 8)
        #expect([0, 1, 3].allSatisfy { abs(set.states[$0].connections - 3_333) < 5 })
    }

    @Test("where servers are ejected, or taken in turns, nobody is doubted")
    func noDoubt() {
        let ejecting = Self.pool(2, .leastConnections) { $0.eject = EjectRules() }
        let turns = Self.pool(2, .roundRobin)
        for set in [ejecting, turns] {
            let table = PoolTable(set, Timeouts(), worker: 0)
            _ = table.failed(0, 0, at: 0)
            #expect(set.states[0].doubts == 0)
        }
    }

    // MARK: Slow start

    /// Of `count` clients at each of some moments, the share of the server that is back, in per cent of its ordinary one.
    private func rise(_ balance: Balance, _ moments: [Int64]) -> [Int] {
        let count = 8_000
        return moments.map { moment in
            let set = Self.pool(4, balance) {
                $0.isChecked = true
                $0.slowStartMillis = 30_000
            }
            var table = PoolTable(set, Timeouts(), worker: 0)
            set.states.goDown(1)
            set.states.comeUp(1, at: 1_000_000)
            // Those who go by connections would prefer it at once: it has as many as the others here.
            var got = 0
            for index in 0..<count {
                guard let server = table.choose(0, client: Self.client(index), at: 1_000_000 + moment) else { continue }
                if server == 1 { got += 1 }
                if balance == .randomTwo || balance == .leastConnections, server != 1 || moment >= 30_000 {
                    table.count(1, server)
                    // Evenly loaded throughout.
                    for other in 0..<4 where other != Int(server) { table.count(1, UInt16(other)) }
                }
            }
            return got * 400 / count
        }
    }

    @Test("one that is back gets its share little by little", arguments: [Balance.roundRobin, .randomTwo, .sourceHash])
    func slowStart(balance: Balance) {
        let shares = rise(balance, [0, 3_000, 15_000, 27_000, 30_000, 60_000])
        for (share, wanted) in zip(shares, [1, 10, 50, 90, 100, 100]) {
            #expect(abs(share - wanted) <= 12, "\(balance): \(shares)")
        }
        #expect(shares[0] < 8)
    }

    @Test("one that is back is not flooded because it has no connections yet")
    func slowStartOfLeastConnections() {
        for (moment, percent) in [(Int64(0), 1), (3_000, 10), (15_000, 50), (27_000, 90), (30_000, 100)] {
            let set = Self.pool(4, .leastConnections) {
                $0.isChecked = true
                $0.slowStartMillis = 30_000
            }
            var table = PoolTable(set, Timeouts(), worker: 0)
            for server in [0, 2, 3] { table.count(10_000, UInt16(server)) }
            set.states.goDown(1)
            set.states.comeUp(1, at: 1_000_000)
            // Of those whom it would get, so many are accepted; the others are shared out.
            let shares = shares(&table, set, of: 4_000, at: 1_000_000 + moment)
            #expect(abs(shares[1] - 40 * percent) < 120, "after \(moment) ms: \(shares)")
            #expect(abs(shares[0] - shares[2]) < 3 && abs(shares[0] - shares[3]) < 3)
        }
    }

    @Test("by its address a client comes back once, and then stays")
    func slowStartOfSources() throws {
        let set = Self.pool(4, .sourceHash) {
            $0.isChecked = true
            $0.slowStartMillis = 10_000
        }
        var table = PoolTable(set, Timeouts(), worker: 0)
        let home = (0..<400).map { table.choose(0, client: Self.client($0), at: 0) }
        set.states.goDown(1)
        let away = (0..<400).map { table.choose(0, client: Self.client($0), at: 1) }
        set.states.comeUp(1, at: 1_000)
        for index in 0..<400 {
            var changes = 0
            var last = away[index]
            for now in stride(from: Int64(1_000), through: 11_000, by: 100) {
                let server = table.choose(0, client: Self.client(index), at: now)
                if server != last { changes += 1 }
                last = server
            }
            #expect(last == home[index] && changes == (home[index] == 1 ? 1 : 0))
        }
    }

    @Test("one that was left out begins slowly as well; at the start of the process nobody does")
    func slowStartAfterEjection() {
        let set = Self.pool(2, .roundRobin) {
            $0.slowStartMillis = 10_000
            $0.eject = EjectRules(afterFailures: 1, forMillis: 1_000, atMostPercent: 50)
        }
        var table = PoolTable(set, Timeouts(), worker: 0)
        let before = shares(&table, set, of: 100, at: 5)
        #expect(before == [50, 50])
        _ = table.failed(0, 0, at: 10)
        let shares = [Int64(1_009), 1_010, 6_010, 11_010].map { self.shares(&table, set, of: 4_000, at: $0)[0] }
        #expect(shares[0] == 0 && shares[1] < 120 && shares[3] == 2_000, "\(shares)")
        // Of its own turn one half, and of the other's none.
        #expect(abs(shares[2] - 1_333) < 250, "\(shares)")
    }

    @Test("one that is alone gets everything, and is preferred to a backup")
    func aloneInSlowStart() {
        for balance in Balance.allCases {
            let set = Self.pool(1, balance, backups: 1) {
                $0.isChecked = true
                $0.slowStartMillis = 10_000
            }
            var table = PoolTable(set, Timeouts(), worker: 0)
            set.states.goDown(0)
            set.states.comeUp(0, at: 100)
            #expect(shares(&table, set, of: 100, at: 101) == [100, 0], "\(balance)")
        }
    }
}
