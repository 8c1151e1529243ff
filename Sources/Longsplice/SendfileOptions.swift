/// How a file is sent.
public struct SendfileOptions: OptionSet, Sendable, Hashable {
    /// One bit for each option.
    public let rawValue: UInt32

    /// Options by their bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The last bytes go out when everything has been written, whatever the socket's TCP_NODELAY says. Every call does so, and the
    /// option changes nothing.
    public static let noDelayedTail = SendfileOptions(rawValue: 1)
}
