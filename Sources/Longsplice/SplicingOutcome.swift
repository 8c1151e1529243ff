/// What has become of two sockets that were tied.
public struct SplicingOutcome: Sendable, Equatable {
    /// How it ended.
    public enum Ending: Sendable, Equatable {
        /// Every direction was read to its end, and everything delivered.
        case finished
        /// The length was moved; whatever else there is stays in the socket.
        case lengthReached
        /// The task was cancelled.
        case cancelled
        /// One of the connections is gone: reset by its peer, or given up by the network.
        case reset
        /// The kernel had no memory or refused what cannot be done without.
        case failed
    }

    /// One of the two sockets, in the order in which they were given.
    public enum Side: Sendable, Equatable {
        case first
        case second
    }

    /// How it ended.
    public let ending: Ending
    /// Whose doing that was: of the one whose stream ended first, or that was reset. Nil where it was the splicer's or the
    /// caller's.
    public let endedBy: Side?
    /// Bytes that reached the second socket.
    public let bytesToSecond: UInt64
    /// Bytes that reached the first socket.
    public let bytesToFirst: UInt64
    /// Bytes that were taken from the first socket and not delivered to the second one, in their order: the caller's again, to
    /// write or to keep. Empty unless the splice was cancelled or the second socket's connection is gone.
    public let undeliveredToSecond: [UInt8]
    /// The same, the other way.
    public let undeliveredToFirst: [UInt8]
    /// From the beginning to the end.
    public let duration: Duration
    /// From the beginning until the last byte, or the end, went to the second socket, to the millisecond.
    public let lastToSecond: Duration
    /// The same, to the first one.
    public let lastToFirst: Duration
}
