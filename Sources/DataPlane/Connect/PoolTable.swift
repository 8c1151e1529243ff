import LinuxCalls

/// One worker's view of the pools: whose turn it is, and the sources in turns.
struct PoolTable: ~Copyable {
    private let records: UnsafeMutablePointer<PoolRecord>
    private let count: Int
    private let listeners: UnsafeMutablePointer<ListenerRecord>
    private let listenerCount: Int
    /// One even where there is no pool, for knots without one.
    private let timeouts: UnsafeMutablePointer<Timeouts>
    private let turns: UnsafeMutablePointer<Int>
    private let sources: UnsafeMutablePointer<SourceTable>
    private let states: ServerStates.Base
    private var random: UInt64

    /// - Parameters:
    ///   - set: must outlive the table.
    ///   - timeouts: of pools that have none of their own, and of knots without a pool.
    ///   - worker: lets workers begin at different servers; nil for wherever it comes to, so that no server is the first one after
    ///     every change.
    init(_ set: PoolSet, _ timeouts: Timeouts, worker: Int?) {
        count = set.pools.count
        listenerCount = set.listeners.count
        listeners = set.listenerRecords
        records = set.records
        states = set.states.base
        self.timeouts = .allocate(capacity: max(1, count))
        self.timeouts.initialize(repeating: timeouts, count: max(1, count))
        turns = .allocate(capacity: max(1, count))
        sources = .allocate(capacity: max(1, count))
        for (index, pool) in set.pools.enumerated() {
            let turnCount = max(1, set.records[index].turnCount)
            (turns + index).initialize(to: worker.map { $0 % turnCount } ?? Int.random(in: 0..<turnCount))
            if let own = pool.timeouts { self.timeouts[index] = own }
            (sources + index).initialize(to: SourceTable(pool.sources))
        }
        random = UInt64.random(in: 1 ... .max)
    }

    deinit {
        for index in 0..<count { (sources + index).deinitialize(count: 1) }
        timeouts.deallocate()
        turns.deallocate()
        sources.deallocate()
    }

    func listener(_ index: UInt16) -> UnsafeMutablePointer<ListenerRecord> {
        listeners + min(Int(index), listenerCount)
    }

    subscript(pool: UInt16) -> UnsafeMutablePointer<PoolRecord> {
        precondition(Int(pool) < count, "PoolTable: no such pool")
        return records + Int(pool)
    }

    /// Pools there are.
    var pools: UInt16 { UInt16(truncatingIfNeeded: count) }

    func timeouts(of pool: UInt16) -> Timeouts { timeouts[Int(pool)] }

    /// Stays where it is, whatever becomes of this table.
    func address(_ server: UInt16) -> UnsafePointer<SocketAddress> { states.address(server) }

    /// The next source of that family, nil where the kernel is to choose.
    func nextSource(_ pool: UInt16, family: Int32) -> UnsafePointer<SocketAddress>? {
        sources[Int(pool)].next(family: family)
    }

    // MARK: Choosing

    /// What the choice for one connection goes by, beside the balance.
    private struct Occasion {
        /// In milliseconds of the monotonic clock.
        let now: Int64
        /// Decides whether a server in slow start gets it (`Standing.holdsBack`).
        let luck: Int64
    }

    /// The server for a new connection; nil where all are down or full, or there is none.
    /// - Parameters:
    ///   - client: whose address a pool may go by; nil for one without.
    ///   - now: in milliseconds of the monotonic clock.
    mutating func choose(_ pool: UInt16, client: SocketAddress?, at now: Int64) -> UInt16? {
        let record = self[pool]
        guard record.pointee.count > 0 else { return nil }
        var place: Int?
        if record.pointee.balance == .sourceHash { place = client.map(Maglev.place(of:)) }
        let occasion = Occasion(now: now, luck: luck(record, place))
        var chosen = number(preferred(pool, record, place, occasion), record)
        guard record.pointee.hasStandings else { return chosen }
        var tries = 1
        while standing(chosen, record, occasion) < .up, tries < Self.triesMax,
            let other = otherwise(pool, record, place.map { $0 + tries * Self.stride }, occasion)
        {
            chosen = number(other, record)
            tries += 1
        }
        if standing(chosen, record, occasion) < .doubted {
            guard let standIn = standIn(for: self.place(of: chosen, record) ?? 0, record, occasion) else { return nil }
            chosen = standIn
        }
        if record.pointee.doubts { states[Int(chosen)].tryAgain(at: now) }
        return chosen
    }

    /// How often the balance is asked for a server that is there, before the servers are gone through in their order.
    private static var triesMax: Int { 16 }
    /// Between the places of a table that one client tries: a prime, so that its neighbours' clients go elsewhere.
    private static var stride: Int { 7_919 }

    /// - Parameter place: the client's, of a pool that goes by it.
    private mutating func preferred(
        _ pool: UInt16, _ record: UnsafeMutablePointer<PoolRecord>, _ place: Int?, _ occasion: Occasion
    ) -> Int {
        switch record.pointee.balance {
        case .roundRobin: return takeTurn(pool)
        case .first: return 0
        case .randomTwo: return better(draw(record), draw(record), record, occasion)
        case .leastConnections: return best(from: takeTurn(pool), record, occasion)
        case .sourceHash:
            guard let place, let table = record.pointee.table else { return takeTurn(pool) }
            return Int(table[place % Maglev.places])
        }
    }

    /// The balance's next choice, which leaves the others their shares; nil where it has none.
    private mutating func otherwise(
        _ pool: UInt16, _ record: UnsafeMutablePointer<PoolRecord>, _ place: Int?, _ occasion: Occasion
    ) -> Int? {
        switch record.pointee.balance {
        case .first, .leastConnections: nil
        case .roundRobin, .randomTwo, .sourceHash: preferred(pool, record, place, occasion)
        }
    }

    /// Where nobody is there, a server that is left out is asked, but none that is down. Where one is only full, nobody else is asked:
    /// it will have room again, and backups are not for that.
    /// - Parameter place: where the search begins.
    private func standIn(
        for place: Int, _ record: UnsafeMutablePointer<PoolRecord>, _ occasion: Occasion
    ) -> UInt16? {
        let here =
            first(atLeast: .doubted, from: place, record, occasion)
            ?? first(atLeast: .heldBack, from: place, record, occasion)
        if here != nil || hasFullPrimary(record, occasion.now) { return here }
        return firstBackup(from: record.pointee.primaries, record, at: occasion.now)
            ?? first(atLeast: .leftOut, from: place, record, occasion)
            ?? firstBackup(atLeast: .leftOut, from: record.pointee.primaries, record, at: occasion.now)
    }

    /// Of the servers that are no backups.
    private func first(
        atLeast wanted: Standing, from place: Int, _ record: UnsafeMutablePointer<PoolRecord>, _ occasion: Occasion
    ) -> UInt16? {
        var next = place
        for _ in 0..<record.pointee.primaries {
            if standing(number(next, record), record, occasion) >= wanted { return number(next, record) }
            next = neighbour(of: next, record)
        }
        return nil
    }

    private func standing(
        _ server: UInt16, _ record: UnsafeMutablePointer<PoolRecord>, _ occasion: Occasion
    ) -> Standing {
        let state = states[Int(server)]
        if state.isDown { return .down }
        if state.connections >= record.pointee.limit { return .full }
        if state.ejectedUntilMillis > occasion.now { return .leftOut }
        if record.pointee.slowStartMillis > 0
            && Standing.holdsBack(
                luck: occasion.luck, backSinceMillis: state.backSinceMillis,
                slowStartMillis: record.pointee.slowStartMillis, at: occasion.now)
        {
            return .heldBack
        }
        return state.doubtedUntilMillis > occasion.now ? .doubted : .up
    }

    /// Drawn, or by the client's place: then each client goes back to its server at one moment, and stays there.
    private mutating func luck(_ record: UnsafeMutablePointer<PoolRecord>, _ place: Int?) -> Int64 {
        guard record.pointee.slowStartMillis > 0 else { return 0 }
        if let place { return Int64(place % Maglev.places) & Standing.luckMax }
        return Int64(truncatingIfNeeded: drawn() >> 16) & Standing.luckMax
    }

    /// The one to try when `server` could not be connected: the others of its kind that are there, in their order, and then the
    /// backups, but where one of the others is only full. Nil where there is none left.
    /// - Parameter first: the server that was tried first for this client.
    func after(_ server: UInt16, first: UInt16, _ pool: UInt16, at now: Int64) -> UInt16? {
        let record = self[pool]
        // One that was taken out meanwhile has no place: then all others are still to be tried.
        let place = place(of: server, record)
        if let place, place >= record.pointee.primaries { return firstBackup(from: place + 1, record, at: now) }
        var next = place.map { neighbour(of: $0, record) } ?? 0
        for _ in 0..<record.pointee.primaries {
            let other = number(next, record)
            if other == first { break }
            if isThere(other, record, now) { return other }
            next = neighbour(of: next, record)
        }
        return hasFullPrimary(record, now) ? nil : firstBackup(from: record.pointee.primaries, record, at: now)
    }

    /// A server that is no backup is full, and neither down nor left out.
    private func hasFullPrimary(_ record: UnsafeMutablePointer<PoolRecord>, _ now: Int64) -> Bool {
        guard record.pointee.isLimited else { return false }
        for place in 0..<record.pointee.primaries {
            let state = states[Int(number(place, record))]
            guard !state.isDown, state.ejectedUntilMillis <= now else { continue }
            if state.connections >= record.pointee.limit { return true }
        }
        return false
    }

    /// The first one that is there; slow starts are not for backups.
    private func firstBackup(
        atLeast wanted: Standing = .doubted, from place: Int, _ record: UnsafeMutablePointer<PoolRecord>, at now: Int64
    ) -> UInt16? {
        var place = place
        while place < record.pointee.count {
            if standing(number(place, record), record, Occasion(now: now, luck: 0)) >= wanted {
                return number(place, record)
            }
            place += 1
        }
        return nil
    }

    /// The next place of the servers that are no backups.
    private func neighbour(of place: Int, _ record: UnsafeMutablePointer<PoolRecord>) -> Int {
        place + 1 >= record.pointee.primaries ? 0 : place + 1
    }

    private func number(_ place: Int, _ record: UnsafeMutablePointer<PoolRecord>) -> UInt16 {
        record.pointee.members[place]
    }

    /// Nil for a server that the pool has no more. Only asked where connecting has failed or somebody is down.
    private func place(of server: UInt16, _ record: UnsafeMutablePointer<PoolRecord>) -> Int? {
        for place in 0..<record.pointee.count where record.pointee.members[place] == server { return place }
        return nil
    }

    private func takeTurn(_ pool: UInt16) -> Int {
        let record = self[pool]
        let turn = turns[Int(pool)]
        turns[Int(pool)] = turn + 1 == record.pointee.turnCount ? 0 : turn + 1
        return Int(record.pointee.turns[turn])
    }

    /// A place by its weight. xorshift64* (Vigna, 2016): nobody has to be unable to guess it.
    private mutating func draw(_ record: UnsafeMutablePointer<PoolRecord>) -> Int {
        Int(record.pointee.turns[Int((drawn() &* UInt64(record.pointee.turnCount)) >> 32)])
    }

    /// 32 bits.
    private mutating func drawn() -> UInt64 {
        random ^= random >> 12
        random ^= random << 25
        random ^= random >> 27
        return (random &* 0x2545_F491_4F6C_DD1D) >> 32
    }

    /// Of two places the one that stands better, or else the one with fewer connections for its weight.
    private func better(
        _ a: Int, _ b: Int, _ record: UnsafeMutablePointer<PoolRecord>, _ occasion: Occasion
    ) -> Int {
        let (ofA, ofB) = (states[Int(number(a, record))], states[Int(number(b, record))])
        let standingOfA = standing(number(a, record), record, occasion)
        let standingOfB = standing(number(b, record), record, occasion)
        if standingOfA != standingOfB { return standingOfA > standingOfB ? a : b }
        // a/b < c/d without a division.
        let loads = (
            (ofA.connections &+ 1) &* record.pointee.weights[b], (ofB.connections &+ 1) &* record.pointee.weights[a]
        )
        return loads.1 < loads.0 ? b : a
    }

    /// - Parameter start: of equals the first one from here on is taken.
    private func best(
        from start: Int, _ record: UnsafeMutablePointer<PoolRecord>, _ occasion: Occasion
    ) -> Int {
        var best = start
        var place = start
        for _ in 1..<max(1, record.pointee.primaries) {
            place = place + 1 == record.pointee.primaries ? 0 : place + 1
            best = better(best, place, record, occasion)
        }
        return best
    }

    /// Neither down nor left out nor full.
    private func isThere(_ server: UInt16, _ record: UnsafeMutablePointer<PoolRecord>, _ now: Int64) -> Bool {
        let state = states[Int(server)]
        return !state.isDown && state.ejectedUntilMillis <= now && state.connections < record.pointee.limit
    }

    // MARK: Room

    /// Some server is not down, so that there is something to wait for where all are full.
    func hasServers(_ pool: UInt16) -> Bool {
        let record = self[pool]
        for place in 0..<record.pointee.count where !states[Int(number(place, record))].isDown { return true }
        return false
    }

    /// `choose` would find one, unless another worker is quicker.
    func hasRoom(_ pool: UInt16, at now: Int64) -> Bool {
        let record = self[pool]
        for place in 0..<record.pointee.primaries where isThere(number(place, record), record, now) { return true }
        if hasFullPrimary(record, now) { return false }
        for place in 0..<record.pointee.count {
            let state = states[Int(number(place, record))]
            if !state.isDown && state.connections < record.pointee.limit { return true }
        }
        return false
    }

    // MARK: What becomes of servers

    /// A server of the pool has one connection more; false where it has as many as it may have.
    ///
    /// Asked by whoever has chosen the server, since another worker may have been quicker.
    func enter(_ server: UInt16, _ pool: UInt16) -> Bool {
        let record = self[pool]
        guard record.pointee.isLimited else {
            count(1, server)
            return true
        }
        return states[Int(server)].addConnection(within: record.pointee.limit)
    }

    /// A server has one connection more or less.
    func count(_ amount: Int64, _ server: UInt16) { states[Int(server)].addConnections(amount) }

    func succeeded(_ server: UInt16, _ pool: UInt16) {
        let record = self[pool]
        if record.pointee.eject != nil { states[Int(server)].succeeded() }
        if record.pointee.doubts { states[Int(server)].trust() }
    }

    /// How often a server has gone down, of all pools.
    var falls: UInt64 { states.falls }

    /// The server is down, and its sessions are to end with it.
    func isForsaken(_ server: UInt16, _ pool: UInt16) -> Bool {
        self[pool].pointee.resetsSessionsOfFallen && states[Int(server)].isDown
    }

    /// True where that was one failure too many, and the server is left out from now on.
    func failed(_ server: UInt16, _ pool: UInt16, at now: Int64) -> Bool {
        let record = self[pool]
        guard let eject = record.pointee.eject else {
            if record.pointee.doubts { states[Int(server)].doubt(at: now) }
            return false
        }
        guard states[Int(server)].failed() >= Int64(eject.afterFailures), mayEject(record, eject, at: now) else {
            return false
        }
        return states[Int(server)].eject(until: now &+ eject.forMillis, at: now)
    }

    private func mayEject(_ record: UnsafeMutablePointer<PoolRecord>, _ eject: EjectRules, at now: Int64) -> Bool {
        var ejected = 0
        for place in 0..<record.pointee.count
        where states[Int(number(place, record))].ejectedUntilMillis > now {
            ejected += 1
        }
        return ejected == 0 || (ejected + 1) * 100 <= record.pointee.count * eject.atMostPercent
    }
}
