/// What a knot wants done next: a set of actions, performed by the worker in the order of this list.
///
/// The low twelve bits are for the upward lane, the next twelve for the downward lane, the rest is for the knot as a whole.
package struct Step: OptionSet, BitwiseCopyable, Hashable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    private static var laneBits: UInt32 { 12 }
    private static var laneMask: UInt32 { 0xFFF }

    // For one lane; written for the upward lane and shifted by `on(_:)`.
    /// Push out what a send with MSG_MORE may have left in the sink.
    package static let push = Step(rawValue: 1 << 0)
    /// shutdown(sink, SHUT_WR).
    package static let passFin = Step(rawValue: 1 << 1)
    /// Withdraw what the lane is waiting for.
    package static let withdraw = Step(rawValue: 1 << 2)
    /// Return the pipe to the pool; it is destroyed there when bytes are left in it.
    package static let giveBack = Step(rawValue: 1 << 3)
    /// Wait for the source with no pipe.
    package static let rest = Step(rawValue: 1 << 4)
    /// Borrow a pipe if the lane has none, then wait for the source, fill and drain.
    package static let move = Step(rawValue: 1 << 5)
    /// Wait for the sink and drain exactly what the pipe holds.
    package static let drainHeld = Step(rawValue: 1 << 6)
    /// Watch the source, which is at its end, for a reset.
    package static let watch = Step(rawValue: 1 << 7)
    /// Receive into buffers.
    package static let receive = Step(rawValue: 1 << 8)
    /// Withdraw the receive, and only that.
    package static let endReceive = Step(rawValue: 1 << 9)
    /// Send the first buffer of the queue; wait for room before where the sink was full.
    package static let send = Step(rawValue: 1 << 10)

    /// Look whether the source has ended unnoticed.
    package static let probe = Step(rawValue: 1 << 11)

    // For the knot.
    /// Read a page plainly through the pipe: splice cannot carry or cannot tell what lies next in the source.
    package static let readPlainlyUp = Step(rawValue: 1 << 24)
    package static let readPlainlyDown = Step(rawValue: 1 << 25)
    /// Try the next upstream, or give the client up.
    package static let reconnect = Step(rawValue: 1 << 26)
    /// Look at what the client has said: the same bit, since a client that greets has no upstream yet.
    package static let look = reconnect
    /// The client has waited long enough for a server with room: the same bit again.
    package static let turnAway = reconnect
    /// Withdraw the connect: its time is up.
    package static let abandonConnect = Step(rawValue: 1 << 27)
    /// Look whether the survivor's send queue is empty, now and again until it is.
    package static let flush = Step(rawValue: 1 << 28)
    /// Withdraw everything; close once nothing is in flight.
    package static let untie = Step(rawValue: 1 << 29)
    /// Not now: what else the step asks for waits for the next tick (the kernel was out of memory).
    package static let later = Step(rawValue: 1 << 30)
    /// Take what the client says and throw it away.
    package static let discard = Step(rawValue: 1 << 31)

    package static func readPlainly(_ direction: Direction) -> Step {
        direction == .up ? .readPlainlyUp : .readPlainlyDown
    }

    /// The upward lane's actions as actions of `direction`'s lane.
    package func on(_ direction: Direction) -> Step {
        direction == .up ? self : Step(rawValue: rawValue << Self.laneBits)
    }

    /// The actions of one lane, as if it were the upward one.
    package func lane(_ direction: Direction) -> Step {
        Step(rawValue: (direction == .up ? rawValue : rawValue >> Self.laneBits) & Self.laneMask)
    }
}
