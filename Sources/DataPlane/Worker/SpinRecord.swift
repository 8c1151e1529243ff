/// Whether spinning before a sleep has paid lately.
struct SpinRecord: BitwiseCopyable {
    private var credit: Int8 = 0
    private static let creditMax: Int8 = 8

    var isWorthwhile: Bool { credit > 0 }
    mutating func hasPaid() { credit = Self.creditMax }
    mutating func wasInVain() { credit = max(0, credit - 2) }
    /// A sleep was so short that spinning would have been enough.
    mutating func wouldHavePaid() { credit = min(Self.creditMax, credit + 1) }
}
