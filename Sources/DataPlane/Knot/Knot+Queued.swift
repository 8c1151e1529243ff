import LinuxCalls

/// A knot whose client waits until some server of its pool has room.
///
/// Nothing is read meanwhile: what the client says, and its FIN, stay in its socket, and a watch tells when it is gone. The watch stays
/// when the knot goes on.
extension Knot {
    package mutating func queue(at now: Int64) -> Step {
        phase = .queued
        sinceMillis = now
        return Step.watch.on(.up)
    }

    /// A server is tried, or the client is given up.
    package mutating func leaveQueue(at now: Int64) {
        phase = .connecting
        sinceMillis = now
    }

    /// An answer of the client's watch.
    mutating func toldWhileQueued(_ events: Int32, goesOn: Bool) -> Step {
        if events >= 0 && PollEvents.tellLoss(events) {
            // Who has closed a UNIX socket is gone too, but what it said before may be meant.
            return canHangUp(.client) ? cut(.clientReset) : []
        }
        if goesOn { return [] }
        return events < 0 ? Step.watch.on(.up).union(.later) : Step.watch.on(.up)
    }

    // The two lanes have no use for these yet.
    var previousInLine: UInt32 {
        get { up.asked }
        set { up.asked = newValue }
    }

    var nextInLine: UInt32 {
        get { down.asked }
        set { down.asked = newValue }
    }
}
