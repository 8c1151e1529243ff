import LinuxCalls

/// Who a client is, whether it may come, and the record of what became of it.
///
/// A connection has a record where one is written at its end, or where a PROXY header tells who its client is. Of all others nothing is
/// kept: whoever wants to know asks the kernel.
extension Worker where E: ~Copyable {
    /// A newcomer's; unknown where nobody wants to know it.
    func clientAddress(of newcomer: Newcomer) -> SocketAddress {
        var client = SocketAddress.unknown
        let isWanted =
            pen != nil || clients != nil || servers.listener(newcomer.listener).pointee.asksForAddress
        // One that has gone already is served like any other, and its record says that nobody knows who it was.
        if isWanted { _ = engine.peerAddress(of: newcomer.socket, &client) }
        return client
    }

    /// Who is at the other end of a connection.
    func clientAddress(_ slot: UInt32) -> SocketAddress {
        if let record = record(of: slot) { return record.pointee.client }
        var client = SocketAddress.unknown
        _ = engine.peerAddress(of: table[slot].pointee.client, &client)
        return client
    }

    /// Nil where none is kept.
    func record(of slot: UInt32) -> UnsafeMutablePointer<ConnectionRecord>? {
        pen != nil || table[slot].pointee.header != .none ? records[slot] : nil
    }

    // MARK: Counting

    /// Counts a connection for its client and its listener; nil where both take it, and otherwise nothing is counted.
    func enter(_ client: borrowing SocketAddress, through listener: UInt16) -> EntryRefusal? {
        let key = ClientKey(client)
        if let clients, let key, !clients.enter(key) { return .clientLimit }
        if let gate = servers.listener(listener).pointee.gate, let refusal = gate.enter(key, at: now) {
            if let clients, let key { clients.leave(key) }
            return .listener(refusal)
        }
        return nil
    }

    /// The one that was counted has a slot.
    func hasEntered(_ slot: UInt32, _ client: borrowing SocketAddress) {
        let knot = table[slot]
        let epoch = servers.listener(knot.pointee.listener).pointee.gate?.epoch ?? 0
        knot.pointee.clientsEpoch = epoch
        if clients != nil || epoch != 0 { clientKeys[slot].initialize(to: ClientKey(client)) }
    }

    /// What `enter` has counted.
    private func leave(_ slot: UInt32) {
        let knot = table[slot]
        let epoch = knot.pointee.clientsEpoch
        guard epoch != Knot.uncounted else { return }
        knot.pointee.clientsEpoch = Knot.uncounted
        let key = clients != nil || epoch != 0 ? clientKeys[slot].pointee : nil
        if let clients, let key { clients.leave(key) }
        servers.listener(knot.pointee.listener).pointee.gate?.leave(key, since: epoch)
    }

    // MARK: The record

    mutating func nextSerial() -> UInt64 {
        defer { serial &+= 1 }
        return serial
    }

    private mutating func newRecord(_ newcomer: Newcomer, _ client: borrowing SocketAddress) -> ConnectionRecord {
        var record = ConnectionRecord()
        record.serial = nextSerial()
        record.worker = UInt16(truncatingIfNeeded: settings.index)
        record.listener = newcomer.listener
        record.acceptedAtMillis = newcomer.acceptedAtMillis
        record.acceptedAtWallMillis = engine.wallMillis() &- (now &- newcomer.acceptedAtMillis)
        record.client = copy client
        return record
    }

    /// The newcomer has a slot.
    mutating func beginRecord(
        _ slot: UInt32, _ newcomer: Newcomer, _ client: borrowing SocketAddress, owesHeader: Bool
    ) {
        guard pen != nil || owesHeader else { return }
        records[slot].initialize(to: newRecord(newcomer, client))
    }

    /// The newcomer is not served.
    mutating func recordRefusal(_ newcomer: Newcomer, _ client: borrowing SocketAddress, _ end: ConnectionEnd) {
        guard pen != nil else { return }
        var record = newRecord(newcomer, client)
        record.ender = .longsplice
        record.end = end
        write(&record)
    }

    /// The knot's upstream is being tried.
    func noteAttempt(_ slot: UInt32) {
        if pen != nil { records[slot].pointee.upstream = table[slot].pointee.upstreamIndex }
    }

    func noteConnected(_ slot: UInt32) {
        counters.add(.tied)
        let knot = table[slot]
        servers.succeeded(knot.pointee.upstreamIndex, knot.pointee.pool)
        guard pen != nil else { return }
        records[slot].pointee.connectMillis = now &- records[slot].pointee.acceptedAtMillis
    }

    /// Bytes have reached a client. The lane has not been told yet, so before the first ones it has moved none.
    func noteDelivery(_ knot: UnsafeMutablePointer<Knot>, _ slot: UInt32) {
        guard pen != nil, knot.pointee.down.bytesMoved == 0 else { return }
        let record = records[slot]
        if record.pointee.firstByteMillis < 0 {
            record.pointee.firstByteMillis = now &- record.pointee.acceptedAtMillis
        }
    }

    /// The knot is about to be let go of: nothing of it can change any more.
    mutating func endRecord(_ slot: UInt32) {
        leave(slot)
        guard pen != nil else { return }
        let knot = table[slot]
        let record = records[slot]
        (record.pointee.ender, record.pointee.end) = knot.pointee.outcome
        record.pointee.attempts = knot.pointee.attempts
        record.pointee.bytesUp = knot.pointee.up.bytesMoved
        record.pointee.bytesDown = knot.pointee.down.bytesMoved
        if record.pointee.connectMillis >= 0 {
            record.pointee.relayUp = RelayMark(knot.pointee.up.mode, knot.pointee.up.reason)
            record.pointee.relayDown = RelayMark(knot.pointee.down.mode, knot.pointee.down.reason)
        }
        write(record)
    }

    private mutating func write(_ record: UnsafeMutablePointer<ConnectionRecord>) {
        record.pointee.totalMillis = now &- record.pointee.acceptedAtMillis
        let isQueued = pen?.write(UnsafePointer(record)) ?? false
        counters.add(isQueued ? .records : .recordsDropped)
        if pen?.isDue == true { handOverRecords() }
    }

    /// Lets the reader see what was written in this turn, and wakes it where it sleeps.
    mutating func handOverRecords() {
        guard pen != nil else { return }
        if pen?.handOver() == true, let event = pen?.rope.event { engine.ring(event) }
    }
}

/// Why a connection is not let in, by whom it comes from and how many there are.
enum EntryRefusal: BitwiseCopyable {
    case clientLimit
    case listener(ListenerGate.Refusal)

    var counter: Counter {
        switch self {
        case .clientLimit: .refusedPerClient
        case .listener(let refusal): refusal.counter
        }
    }

    var end: ConnectionEnd {
        switch self {
        case .clientLimit: .limit
        case .listener(let refusal): refusal.end
        }
    }

    /// Of one that has a knot already.
    var cause: Cause {
        switch self {
        case .clientLimit: .perClientLimit
        case .listener(.tooMany): .listenerLimit
        case .listener(.tooManyOfClient): .listenerClientLimit
        case .listener(.tooFast): .rateLimit
        }
    }
}
