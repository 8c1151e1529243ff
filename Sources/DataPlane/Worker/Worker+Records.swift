import LinuxCalls

/// One record for each connection that was accepted, whatever becomes of it. Where neither records nor bounds for clients
/// are wanted, all of this is a look at one pointer.
extension Worker where E: ~Copyable {
    /// A connection is here that has no slot yet.
    mutating func beginRecord(_ newcomer: Newcomer) {
        guard records.exists else { return }
        let record = records.newcomer
        record.pointee = ConnectionRecord()
        record.pointee.serial = serial
        record.pointee.worker = UInt16(truncatingIfNeeded: settings.index)
        record.pointee.listener = newcomer.listener
        record.pointee.acceptedAtMillis = newcomer.acceptedAtMillis
        if pen != nil {
            record.pointee.acceptedAtWallMillis = engine.wallMillis() &- (now &- newcomer.acceptedAtMillis)
        }
        // One that has gone already is served like any other, and its record says that nobody knows who it was.
        _ = engine.peerAddress(of: newcomer.socket, &record.pointee.client)
        serial &+= 1
    }

    /// Who is at the other end of a client's socket.
    /// - Parameter record: the client's, which knows; nil where none is kept.
    func clientAddress(of socket: Int32, in record: UnsafeMutablePointer<ConnectionRecord>?) -> SocketAddress {
        if let record { return record.pointee.client }
        var client = SocketAddress.unknown
        _ = engine.peerAddress(of: socket, &client)
        return client
    }

    /// Counts a connection for its client and its listener; nil where both take it, and otherwise nothing is counted.
    func enter(_ record: UnsafeMutablePointer<ConnectionRecord>) -> EntryRefusal? {
        let key = ClientKey(record.pointee.client)
        if let clients, let key, !clients.enter(key) { return .clientLimit }
        if let gate = servers.listener(record.pointee.listener).pointee.gate {
            if let refusal = gate.enter(key, at: now) {
                if let clients, let key { clients.leave(key) }
                return .listener(refusal)
            }
            record.pointee.clientsEpoch = gate.epoch
        } else {
            record.pointee.clientsEpoch = 0
        }
        return nil
    }

    /// What `enter` has counted.
    func leave(_ record: UnsafeMutablePointer<ConnectionRecord>) {
        let epoch = record.pointee.clientsEpoch
        guard epoch != ConnectionRecord.uncounted else { return }
        record.pointee.clientsEpoch = ConnectionRecord.uncounted
        let key = ClientKey(record.pointee.client)
        if let clients, let key { clients.leave(key) }
        if let gate = servers.listener(record.pointee.listener).pointee.gate {
            gate.leave(key, since: epoch)
        }
    }

    /// The newcomer has a slot.
    func keepRecord(_ slot: UInt32) {
        if records.exists { records[slot].pointee = records.newcomer.pointee }
    }

    /// The newcomer is not served.
    mutating func recordRefusal(_ end: ConnectionEnd) {
        guard pen != nil else { return }
        let record = records.newcomer
        record.pointee.ender = .longsplice
        record.pointee.end = end
        write(record)
    }

    /// The knot's upstream is being tried.
    func noteAttempt(_ slot: UInt32) {
        if records.exists { records[slot].pointee.upstream = table[slot].pointee.upstreamIndex }
    }

    func noteConnected(_ slot: UInt32) {
        counters.add(.tied)
        let knot = table[slot]
        servers.succeeded(knot.pointee.upstreamIndex, knot.pointee.pool)
        guard records.exists else { return }
        records[slot].pointee.connectMillis = now &- records[slot].pointee.acceptedAtMillis
    }

    /// Bytes have reached a client. The lane has not been told yet, so before the first ones it has moved none.
    func noteDelivery(_ knot: UnsafeMutablePointer<Knot>, _ slot: UInt32) {
        guard records.exists, knot.pointee.down.bytesMoved == 0 else { return }
        let record = records[slot]
        if record.pointee.firstByteMillis < 0 {
            record.pointee.firstByteMillis = now &- record.pointee.acceptedAtMillis
        }
    }

    /// The knot is about to be let go of: nothing of it can change any more.
    mutating func endRecord(_ slot: UInt32) {
        guard records.exists else { return }
        let record = records[slot]
        leave(record)
        guard pen != nil else { return }
        let knot = table[slot]
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
