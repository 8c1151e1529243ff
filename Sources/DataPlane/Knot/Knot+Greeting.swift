/// A knot whose client is heard before a server is chosen for it: a PROXY protocol header, a TLS ClientHello, or both.
///
/// Nothing of what it says is kept: it stays in the client's socket, and is looked at from its beginning each time. The upward lane rests,
/// and `Lane.asked` is how many bytes are waited for.
extension Knot {
    /// A knot that has begun waits for what its client says.
    /// - Parameters:
    ///   - owesHeader: the client has to begin with a PROXY header.
    ///   - accepted: when the connection was accepted, from which its time is counted.
    package mutating func greet(owesHeader: Bool, accepted: Int64) -> Step {
        header = owesHeader ? .owed : .none
        phase = .greeting
        sinceMillis = accepted
        up.rest()
        up.asked = 1
        return Step.rest.on(.up)
    }

    /// What the client has said so far is not all of it.
    /// - Parameters:
    ///   - seen: bytes that are there.
    ///   - needed: bytes without which another look tells nothing new.
    ///   - canWait: an event can wait for so many bytes (SO_RCVLOWAT).
    ///
    /// Where it cannot, or came although there were fewer bytes than it had to wait for (the client's window is full), the next look is a
    /// tick later, so that bytes that stay unread never make a worker spin.
    package mutating func hasSaidTooLittle(seen: Int, needed: Int, canWait: Bool) -> Step {
        guard phase == .greeting else { return [] }
        let isTooEarly = seen < Int(up.asked)
        up.asked = canWait ? UInt32(clamping: needed) : 1
        let isPaced = isTooEarly || (!canWait && seen > 0)
        return isPaced ? Step.rest.on(.up).union(.later) : Step.rest.on(.up)
    }

    package var owesHeader: Bool { header == .owed }

    /// The PROXY header is whole and out of the client's socket, whose low-water mark is 1 again.
    package mutating func hasGivenHeader() {
        header = .given
        up.asked = 1
    }

    /// All that had to be heard was heard, or is waited for no longer: servers of this pool come next.
    package mutating func hasGreeted(goingTo pool: UInt16, at now: Int64) {
        self.pool = pool
        phase = .connecting
        sinceMillis = now
        up.hasGreeted()
    }

    mutating func followWhereGreeting(_ outcome: Lane.Outcome) -> Step {
        switch outcome {
        case .ready, .withdrawn: .look
        case .starved: Step.rest.on(.up).union(.later)
        case .incomplete: []
        default: cut(.systemFailure)
        }
    }
}
