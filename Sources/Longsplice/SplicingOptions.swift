/// How two sockets are tied.
public struct SplicingOptions: OptionSet, Sendable, Hashable {
    /// One bit for each option.
    public let rawValue: UInt32

    /// Options by their bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Nothing goes from the second socket to the first one, whose reading side stays untouched.
    public static let oneWay = SplicingOptions(rawValue: 1)
    /// Ties a socket to itself, so that its peer gets everything back: the ancestor's splice-to-self. Without it, the same socket
    /// given twice is refused.
    public static let loopback = SplicingOptions(rawValue: 2)
    /// The end of one socket's stream is told (`SplicingOutcome`) and not passed on by shutdown(2), so that something can still be
    /// written behind it.
    public static let withholdFin = SplicingOptions(rawValue: 4)
}
