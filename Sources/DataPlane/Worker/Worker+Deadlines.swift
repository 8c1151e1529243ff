extension Worker where E: ~Copyable {
    /// The wheel looks at a knot no later than its next deadline. A later one in the wheel is left where it is: the knot is
    /// asked again when it comes out.
    func needsEarlierLook(_ slot: UInt32, at deadline: Int64) -> Bool {
        table[slot].pointee.timer.position < 0 || deadline < table[slot].pointee.timer.expiresAtMillis
    }

    private func timeouts(of slot: UInt32) -> Timeouts {
        let knot = table[slot]
        var timeouts = servers.timeouts(of: knot.pointee.pool)
        if knot.pointee.phase == .greeting {
            let listener = servers.listener(knot.pointee.listener)
            timeouts.greetingMillis = listener.pointee.greetingMillis(owesHeader: knot.pointee.owesHeader)
        }
        return timeouts
    }

    mutating func schedule(_ slot: UInt32) {
        guard table[slot].pointee.phase != .free else { return }
        let due = min(table[slot].pointee.deadline(at: now, timeouts(of: slot)), paceDeadline(slot))
        // What was due has been looked at: a worker that has stood still does not do so for each tick that it has missed.
        let deadline = max(due, now &+ 1)
        if deadline != .max && needsEarlierLook(slot, at: deadline) { wheel.schedule(slot, at: deadline, in: table) }
    }

    mutating func expire() {
        while let slot = wheel.next(at: now, in: table) {
            let knot = table[slot]
            releasePaced(slot)
            follow(knot.pointee.expired(at: now, timeouts(of: slot)), slot)
            schedule(slot)
        }
    }

    /// True when the survivor's peer has everything, or is gone itself; the knot is then untied.
    mutating func flush(_ slot: UInt32) -> Bool {
        let knot = table[slot]
        let survivor: Side = knot.pointee.lost.has(.client) ? .upstream : .client
        let socket = knot.pointee.socket(of: survivor)
        let isFlushed = engine.unsentBytes(socket) <= 0 || engine.pendingError(socket) != 0
        if isFlushed { perform(knot.pointee.flushed(), slot) }
        return isFlushed
    }
}
