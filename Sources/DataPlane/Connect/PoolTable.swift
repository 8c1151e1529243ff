import LinuxCalls

/// One worker's view of the pools: whose turn it is, and the sources in turns.
struct PoolTable: ~Copyable {
    private let records: UnsafeMutablePointer<PoolRecord>
    private let count: Int
    private let addresses: UnsafeMutablePointer<SocketAddress>
    private let serverCount: Int
    private let ofListeners: UnsafeMutablePointer<UInt16>
    private let listenerCount: Int
    /// One even where there is no pool, for knots without one.
    private let timeouts: UnsafeMutablePointer<Timeouts>
    private let turns: UnsafeMutablePointer<Int>
    private let sources: UnsafeMutablePointer<SourceTable>
    private let loads: ServerLoads.Gauge
    private var random: UInt64

    /// - Parameters:
    ///   - set: must outlive the table.
    ///   - timeouts: of pools that have none of their own, and of knots without a pool.
    ///   - worker: lets workers begin at different servers.
    init(_ set: PoolSet, _ timeouts: Timeouts, worker: Int) {
        count = set.pools.count
        serverCount = set.servers.count
        listenerCount = set.ofListeners.count
        records = set.records
        loads = set.loads.gauge
        addresses = .allocate(capacity: max(1, serverCount))
        addresses.initialize(from: set.servers, count: serverCount)
        ofListeners = .allocate(capacity: max(1, listenerCount))
        ofListeners.initialize(from: set.ofListeners, count: listenerCount)
        self.timeouts = .allocate(capacity: max(1, count))
        self.timeouts.initialize(repeating: timeouts, count: max(1, count))
        turns = .allocate(capacity: max(1, count))
        sources = .allocate(capacity: max(1, count))
        for (index, pool) in set.pools.enumerated() {
            (turns + index).initialize(to: worker % set.records[index].turnCount)
            if let own = pool.timeouts { self.timeouts[index] = own }
            (sources + index).initialize(to: SourceTable(pool.sources))
        }
        random = UInt64.random(in: 1 ... .max)
    }

    deinit {
        for index in 0..<count { (sources + index).deinitialize(count: 1) }
        addresses.deallocate()
        ofListeners.deallocate()
        timeouts.deallocate()
        turns.deallocate()
        sources.deallocate()
    }

    func pool(ofListener listener: UInt16) -> UInt16 { Int(listener) < listenerCount ? ofListeners[Int(listener)] : 0 }

    subscript(pool: UInt16) -> UnsafeMutablePointer<PoolRecord> {
        precondition(Int(pool) < count, "PoolTable: no such pool")
        return records + Int(pool)
    }

    func timeouts(of pool: UInt16) -> Timeouts { timeouts[Int(pool)] }

    /// Stays where it is, so that the kernel may read it until the submission is done.
    func address(_ server: UInt16) -> UnsafePointer<SocketAddress> {
        precondition(Int(server) < serverCount, "PoolTable: no such server")
        return UnsafePointer(addresses + Int(server))
    }

    /// The next source of that family, nil where the kernel is to choose.
    func nextSource(_ pool: UInt16, family: Int32) -> UnsafePointer<SocketAddress>? {
        sources[Int(pool)].next(family: family)
    }

    // MARK: Choosing

    /// The server for a new connection.
    /// - Parameter client: whose address a pool may go by; nil for one without.
    mutating func choose(_ pool: UInt16, client: SocketAddress?) -> UInt16 {
        let record = self[pool]
        let place: Int
        switch record.pointee.balance {
        case .roundRobin: place = takeTurn(pool)
        case .first: place = 0
        case .randomTwo: place = lessLoaded(draw(record), draw(record), record)
        case .leastConnections: place = leastLoaded(from: takeTurn(pool), record)
        case .sourceHash:
            if let client, let table = record.pointee.table {
                place = Int(table[Maglev.place(of: client)])
            } else {
                place = takeTurn(pool)
            }
        }
        return number(place, record)
    }

    /// The one to try when `server` could not be connected: the others of its kind in their order, and then the backups.
    /// - Parameter attempts: servers tried so far.
    func after(_ server: UInt16, _ pool: UInt16, attempts: Int) -> UInt16 {
        let record = self[pool]
        let primaries = record.pointee.primaries
        guard attempts < primaries else { return number(attempts, record) }
        let next = Int(server) - record.pointee.first + 1
        return number(next == primaries ? 0 : next, record)
    }

    private func number(_ place: Int, _ record: UnsafeMutablePointer<PoolRecord>) -> UInt16 {
        UInt16(truncatingIfNeeded: record.pointee.first + place)
    }

    private func takeTurn(_ pool: UInt16) -> Int {
        let record = self[pool]
        let turn = turns[Int(pool)]
        turns[Int(pool)] = turn + 1 == record.pointee.turnCount ? 0 : turn + 1
        return Int(record.pointee.turns[turn])
    }

    /// A place by its weight. xorshift64* (Vigna, 2016): nobody has to be unable to guess it.
    private mutating func draw(_ record: UnsafeMutablePointer<PoolRecord>) -> Int {
        random ^= random >> 12
        random ^= random << 25
        random ^= random >> 27
        let drawn = (random &* 0x2545_F491_4F6C_DD1D) >> 32
        return Int(record.pointee.turns[Int((drawn &* UInt64(record.pointee.turnCount)) >> 32)])
    }

    // MARK: Loads

    /// A server of a pool that goes by loads has one connection more or less.
    func count(_ amount: Int64, _ server: UInt16, _ pool: UInt16) {
        if self[pool].pointee.goesByLoads { loads.add(amount, Int(server)) }
    }

    private func lessLoaded(_ a: Int, _ b: Int, _ record: UnsafeMutablePointer<PoolRecord>) -> Int {
        let loadOfA = loads[record.pointee.first + a] + 1
        let loadOfB = loads[record.pointee.first + b] + 1
        // a/b < c/d without a division.
        return loadOfB &* record.pointee.weights[a] < loadOfA &* record.pointee.weights[b] ? b : a
    }

    /// - Parameter start: of equals the first one from here on is taken.
    private func leastLoaded(from start: Int, _ record: UnsafeMutablePointer<PoolRecord>) -> Int {
        var least = start
        var place = start
        for _ in 1..<max(1, record.pointee.primaries) {
            place = place + 1 == record.pointee.primaries ? 0 : place + 1
            least = lessLoaded(least, place, record)
        }
        return least
    }
}
