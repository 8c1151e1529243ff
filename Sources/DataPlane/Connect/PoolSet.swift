import LinuxCalls

/// The pools of all workers: made once, and never changed while they run.
package final class PoolSet: @unchecked Sendable {
    package let pools: [PoolSettings]
    /// Every server's address, pool by pool, in each pool the backups last. A server's index in here is its number everywhere.
    package let servers: [SocketAddress]
    /// By the servers' numbers.
    package let states: ServerStates
    /// In the listeners' order; those that are not named go to the first pool.
    package let listeners: [ListenerSettings]

    /// Some listener bounds what it takes.
    var hasLimits: Bool { listeners.contains { $0.limits != nil } }

    /// Some listener bounds how fast bytes are moved.
    var isPaced: Bool { listeners.contains { $0.bytesPerSecond > 0 } }

    /// As many as there are listeners, and one more for all others.
    let listenerRecords: UnsafeMutablePointer<ListenerRecord>
    let records: UnsafeMutablePointer<PoolRecord>
    private let weights: UnsafeMutablePointer<Int64>

    /// - Parameters:
    ///   - pools: each has a server at least; at most 65,535 servers together, since a knot keeps its server's number in 16 bits.
    package init(_ pools: [PoolSettings], listeners: [ListenerSettings] = []) {
        var sorted = pools
        for index in sorted.indices {
            let servers = pools[index].servers
            sorted[index].servers = servers.filter { !$0.isBackup } + servers.filter(\.isBackup)
        }
        self.pools = sorted
        servers = sorted.flatMap { $0.servers.map(\.address) }
        self.listeners = listeners
        listenerRecords = .allocate(capacity: listeners.count + 1)
        for (index, listener) in (listeners + [ListenerSettings(pool: 0)]).enumerated() {
            let record = ListenerRecord(listener) { pool in
                guard sorted.indices.contains(pool), let header = sorted[pool].header else { return false }
                return !header.extras.isDisjoint(with: .ofHello)
            }
            (listenerRecords + index).initialize(to: record)
        }
        precondition(servers.count <= 65_535 && pools.count <= 65_535, "PoolSet: more servers than a knot can number")
        states = ServerStates(servers: servers.count)
        weights = .allocate(capacity: max(1, servers.count))
        weights.initialize(from: sorted.flatMap { $0.servers.map { Int64($0.weight) } }, count: servers.count)
        records = .allocate(capacity: max(1, pools.count))
        var first = 0
        for (index, pool) in sorted.enumerated() {
            (records + index).initialize(to: PoolRecord(pool, first: first, weights: weights + first))
            first += pool.servers.count
        }
    }

    /// A worker has to keep what a connection's record holds: a PROXY header's addresses, or a number for each connection.
    var needsRecords: Bool {
        listeners.contains { $0.proxies != nil || $0.hasUNIXProxies }
            || pools.contains { $0.header?.extras.contains(.uniqueID) == true }
    }

    deinit {
        for index in pools.indices { records[index].release() }
        records.deallocate()
        for index in 0...listeners.count { listenerRecords[index].release() }
        listenerRecords.deallocate()
        weights.deallocate()
    }
}

/// What a worker needs of one pool, in plain memory that all workers read.
struct PoolRecord: BitwiseCopyable {
    let balance: Balance
    let fallback: Int32
    /// The number of its first server.
    let first: Int
    /// Servers that are no backups; where there are only backups, all of them.
    let primaries: Int
    let count: Int
    let eject: EjectRules?
    let isChecked: Bool
    let resetsSessionsOfFallen: Bool
    let slowStartMillis: Int64
    let header: HeaderRules?
    let attemptsMax: Int
    let isTransparent: Bool
    let options: UnsafeMutablePointer<SocketOption>
    let optionCount: Int
    let weights: UnsafeMutablePointer<Int64>
    /// One round of `WeightedTurns`.
    let turns: UnsafeMutablePointer<UInt16>
    let turnCount: Int
    /// `Maglev`'s, for a pool that goes by it.
    let table: UnsafeMutablePointer<UInt16>?

    init(_ pool: PoolSettings, first: Int, weights: UnsafeMutablePointer<Int64>) {
        precondition(!pool.servers.isEmpty, "PoolSet: a pool without servers")
        let listed = pool.servers.filter { !$0.isBackup }
        let primary = listed.isEmpty ? pool.servers : listed
        balance = pool.balance
        fallback = pool.fallback
        self.first = first
        primaries = primary.count
        count = pool.servers.count
        eject = pool.eject
        isChecked = pool.isChecked
        resetsSessionsOfFallen = pool.resetsSessionsOfFallen
        slowStartMillis = pool.slowStartMillis
        header = pool.header
        attemptsMax = min(pool.servers.count, pool.attemptsMax)
        isTransparent = pool.isTransparent
        optionCount = pool.options.count
        options = .allocate(capacity: max(1, optionCount))
        options.initialize(from: pool.options, count: optionCount)
        self.weights = weights
        let round = WeightedTurns.round(primary.map(\.weight))
        turns = .allocate(capacity: round.count)
        turns.initialize(from: round, count: round.count)
        turnCount = round.count
        guard pool.balance == .sourceHash else {
            table = nil
            return
        }
        let places = Maglev.table(primary)
        let memory = UnsafeMutablePointer<UInt16>.allocate(capacity: places.count)
        memory.initialize(from: places, count: places.count)
        table = memory
    }

    func release() {
        options.deallocate()
        turns.deallocate()
        table?.deallocate()
    }

    var goesByLoads: Bool { balance == .leastConnections || balance == .randomTwo }
    /// Who refuses has the fewest connections, and would be tried first by everybody.
    var doubts: Bool { goesByLoads && eject == nil }
    /// Servers may stand differently.
    var hasStandings: Bool { eject != nil || isChecked || doubts }
}
