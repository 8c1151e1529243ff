/// How two sockets are tied.
public struct SpliceOptions: OptionSet, Sendable, Hashable {
    /// One bit for each option.
    public let rawValue: UInt32

    /// Options by their bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Nothing goes from the second socket to the first one, whose reading side stays untouched.
    public static let oneWay = SpliceOptions(rawValue: 1)
    /// Ties a socket to itself, so that its peer gets everything back: the ancestor's splice-to-self. Without it, the same socket
    /// given twice is refused.
    public static let loopback = SpliceOptions(rawValue: 2)
    /// The end of one socket's stream is told (`SpliceOutcome`) and not passed on by shutdown(2), so that something can still be
    /// written behind it.
    public static let withholdFin = SpliceOptions(rawValue: 4)
}
