/// How a file is sent.
public struct SendfileOptions: OptionSet, Sendable, Hashable {
    /// One bit for each option.
    public let rawValue: UInt32

    /// Options by their bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The last bytes are pushed out when everything has been written, whatever the socket's TCP_NODELAY says. That is so in any
    /// case: the option is there for those who want to say it.
    public static let noDelayedTail = SendfileOptions(rawValue: 1)
}
