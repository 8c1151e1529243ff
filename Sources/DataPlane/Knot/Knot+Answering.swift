import LinuxCalls

/// A knot that answers its client itself, since no upstream could be had: the file, FIN, and then the client's own end.
///
/// The client is heard to its end, and what it says is thrown away: closing a socket with unread bytes, or bytes that come after
/// its close, would reset the connection, and the client would lose what it has not read yet (RFC 9293, 3.6.1; RFC 9112, 9.6).
extension Knot {
    /// What the two lanes do here in their own way; nil for what they do as always.
    mutating func followWhereAnswering(_ outcome: Lane.Outcome, _ direction: Direction, at now: Int64) -> Step? {
        switch (direction, outcome) {
        case (_, .incomplete): return nil
        case (.up, .ready):
            // Once the file is sent, talking does not keep the connection.
            if down.state != .over { up.activeAtMillis = now }
            return .discard
        case (.up, .starved), (.up, .withdrawn): return Step.rest.on(.up).union(.later)
        case (.up, _): return cut(.systemFailure)
        case (.down, .ended): return fileEnded(at: now)
        case (.down, _): return nil
        }
    }

    /// Everything is in the client's socket.
    private mutating func fileEnded(at now: Int64) -> Step {
        down.end()
        down.activeAtMillis = now
        let fin = Step.passFin.on(.down)
        return up.state == .over ? leaveAnswered().union(fin) : fin
    }

    /// Some of what the client says was thrown away.
    /// - Parameter result: of the last recv(2): 0 at the client's end, `-errno` otherwise.
    package mutating func hasDiscarded(_ result: Int32, at now: Int64) -> Step {
        guard phase == .tied, up.state == .resting else { return [] }
        switch Verdict.ofFill(result) {
        case .moved: return .discard
        case .notNow, .interrupted, .withdrawn: return Step.rest.on(.up)
        case .starved: return Step.rest.on(.up).union(.later)
        case .ended:
            up.end()
            return down.state == .over ? leaveAnswered() : []
        case .connectionLost, .notSpliceable, .unexpected:
            up.end()
            return lose(.client, at: now)
        }
    }
}
