import LinuxCalls

/// Who serves a client: the worker that accepted it, or the least loaded one of its group. A worker that is alone has no group,
/// and all of this is a look at nothing.
extension Worker where E: ~Copyable {
    /// A client is here. It is counted, and served by this worker or another one.
    mutating func receive(_ socket: Int32, from listener: Listener) {
        let newcomer = Newcomer(
            socket: socket, listener: listener.number, isTCP: listener.isTCP, acceptedAtMillis: now)
        _ = connections.add(1)
        // Who leaves keeps what it has, since the others leave as well. And while descriptors are short, a client is taken only
        // with one for its upstream at hand, which another worker would ask for too late.
        if handOver(newcomer, mayLeave: !isLeaving && !listener.isShort) { pauseAtLimit() } else { admit(newcomer) }
    }

    /// False where the newcomer stays.
    private mutating func handOver(_ newcomer: Newcomer, mayLeave: Bool) -> Bool {
        switch seat?.place(newcomer, mayLeave: mayLeave, at: now) {
        case nil, .refused: return false
        case .taken: break
        case .takenByRinging(let bell): engine.ring(bell)
        }
        counters.add(.handedOver)
        return true
    }

    /// Of those that others have handed over, as many as are taken from an accept queue in one turn.
    mutating func takeOver() {
        guard let seat, seat.hasNewcomers else { return }
        for _ in 0..<Self.takenOverPerTurn {
            guard let newcomer = seat.take() else { return }
            counters.add(.takenOver)
            admit(newcomer)
        }
    }

    private static var takenOverPerTurn: Int { 64 }

    /// Nothing is handed to this worker from here on. What has been is served as the accept queue is, or let go of where the
    /// worker stops at once.
    mutating func leaveGroup() {
        guard let seat else { return }
        seat.close()
        while let newcomer = seat.take() {
            counters.add(.takenOver)
            if order < .stop { admit(newcomer) } else { abandon(newcomer) }
        }
    }

    private mutating func abandon(_ newcomer: Newcomer) {
        counters.add(.accepted)
        recordRefusal(newcomer, clientAddress(of: newcomer), .stopped)
        uncount()
        engine.setResetOnClose(newcomer.socket)
        engine.close(newcomer.socket)
    }

    /// One connection less.
    func uncount() {
        _ = connections.add(-1)
        seat?.leave()
    }
}
