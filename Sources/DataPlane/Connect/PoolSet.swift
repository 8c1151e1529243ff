import LinuxCalls

/// The pools and listeners of all workers, by their numbers, which they keep for life: made once, and never changed. What is to change
/// is in the next generation, which shares the servers' states with this one.
package final class PoolSet: @unchecked Sendable {
    package let pools: [PoolSettings]
    /// Every server's address, by the servers' numbers; unknown for numbers that nobody has.
    package let servers: [SocketAddress]
    /// By the servers' numbers.
    package let states: ServerStates
    /// By the listeners' numbers; those that are not named go to the first pool.
    package let listeners: [ListenerSettings]
    /// Counts the changes.
    package let generation: UInt64

    /// Some listener bounds the connections of each client address.
    var countsClients: Bool { listeners.contains { $0.limits?.clients != nil } }

    /// Some listener has clients that speak for others.
    var hasProxies: Bool { listeners.contains { $0.proxies != nil || $0.hasUNIXProxies } }

    /// Some listener bounds how fast bytes are moved.
    var isPaced: Bool { listeners.contains { $0.bytesPerSecond > 0 } }

    /// As many as there are listeners, and one more for all others.
    let listenerRecords: UnsafeMutablePointer<ListenerRecord>
    let records: UnsafeMutablePointer<PoolRecord>

    /// - Parameters:
    ///   - pools: at most 65,535 servers together, since a knot keeps its server's number in 16 bits.
    ///   - states: those of the generation before; the servers have been given their numbers there. Nil for servers that are new,
    ///     numbered pool by pool, in each pool the backups last.
    package init(
        _ pools: [PoolSettings], listeners: [ListenerSettings] = [], states: ServerStates? = nil, generation: UInt64 = 0
    ) {
        var sorted = pools
        for index in sorted.indices {
            let servers = pools[index].servers
            sorted[index].servers = servers.filter { !$0.isBackup } + servers.filter(\.isBackup)
        }
        let count = sorted.reduce(0) { $0 + $1.servers.count }
        precondition(count <= 65_535 && pools.count <= 65_535, "PoolSet: more servers than a knot can number")
        self.states = states ?? ServerStates(servers: count)
        if states == nil {
            var next = 0
            for pool in sorted.indices {
                for place in sorted[pool].servers.indices {
                    sorted[pool].servers[place].number = UInt16(next)
                    self.states.admit(next, sorted[pool].servers[place].address)
                    next += 1
                }
            }
        }
        let numbered = sorted.flatMap(\.servers)
        let highest = numbered.compactMap(\.number).max().map { Int($0) + 1 } ?? 0
        var servers = Array(repeating: SocketAddress.unknown, count: highest)
        for server in numbered {
            guard let number = server.number else { preconditionFailure("PoolSet: a server without a number") }
            servers[Int(number)] = server.address
        }
        self.servers = servers
        self.pools = sorted
        self.listeners = listeners
        self.generation = generation
        listenerRecords = .allocate(capacity: listeners.count + 1)
        for (index, listener) in (listeners + [ListenerSettings(pool: 0)]).enumerated() {
            let record = ListenerRecord(listener) { pool in
                guard sorted.indices.contains(pool), let header = sorted[pool].header else { return false }
                return !header.extras.isDisjoint(with: .ofHello)
            }
            (listenerRecords + index).initialize(to: record)
        }
        records = .allocate(capacity: max(1, pools.count))
        for (index, pool) in sorted.enumerated() { (records + index).initialize(to: PoolRecord(pool)) }
    }

    deinit {
        for index in pools.indices { records[index].release() }
        records.deallocate()
        for index in 0...listeners.count { listenerRecords[index].release() }
        listenerRecords.deallocate()
    }
}

/// What a worker needs of one pool, in plain memory that all workers read.
struct PoolRecord: BitwiseCopyable {
    let balance: Balance
    let fallback: Int32
    /// Its servers' numbers, the backups' last. A server's place is its index in here.
    let members: UnsafeMutablePointer<UInt16>
    /// Servers that are no backups; where there are only backups, all of them.
    let primaries: Int
    let count: Int
    let eject: EjectRules?
    /// Connections of each server, at most; `max` for no bound.
    let limit: Int64
    /// Clients that wait, at most.
    let queueMax: Int64
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

    init(_ pool: PoolSettings) {
        let servers = pool.servers.filter { !$0.isDraining }
        let listed = servers.filter { !$0.isBackup }
        let primary = listed.isEmpty ? servers : listed
        balance = pool.balance
        fallback = pool.fallback
        primaries = primary.count
        count = servers.count
        members = .allocate(capacity: max(1, count))
        members.initialize(from: servers.compactMap(\.number), count: count)
        weights = .allocate(capacity: max(1, count))
        weights.initialize(from: servers.map { Int64($0.weight) }, count: count)
        eject = pool.eject
        limit = pool.limits.map { Int64($0.connections) } ?? .max
        queueMax = Int64(pool.limits?.queue ?? 0)
        isChecked = pool.isChecked
        resetsSessionsOfFallen = pool.resetsSessionsOfFallen
        slowStartMillis = pool.slowStartMillis
        header = pool.header
        attemptsMax = min(count, pool.attemptsMax)
        isTransparent = pool.isTransparent
        optionCount = pool.options.count
        options = .allocate(capacity: max(1, optionCount))
        options.initialize(from: pool.options, count: optionCount)
        let round = WeightedTurns.round(primary.map(\.weight))
        turns = .allocate(capacity: max(1, round.count))
        turns.initialize(from: round, count: round.count)
        turnCount = round.count
        guard pool.balance == .sourceHash, !primary.isEmpty else {
            table = nil
            return
        }
        let places = Maglev.table(primary)
        let memory = UnsafeMutablePointer<UInt16>.allocate(capacity: places.count)
        memory.initialize(from: places, count: places.count)
        table = memory
    }

    func release() {
        members.deallocate()
        weights.deallocate()
        options.deallocate()
        turns.deallocate()
        table?.deallocate()
    }

    var goesByLoads: Bool { balance == .leastConnections || balance == .randomTwo }
    /// Who refuses has the fewest connections, and would be tried first by everybody.
    var doubts: Bool { goesByLoads && eject == nil }
    /// Servers may be full.
    var isLimited: Bool { limit != .max }
    /// Servers may stand differently.
    var hasStandings: Bool { eject != nil || isChecked || doubts || isLimited }
}
