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
            table.count(1, server, 0)
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
}
