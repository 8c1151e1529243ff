/// How fast the lanes of a knot may move their bytes, where its listener bounds that: a bucket of bytes for each lane.
///
/// A lane may move on while it owes nothing; what it has moved it owes for as long as the rate says, so a large chain makes a long
/// pause. It may be ahead by a tenth of a second's bytes, which makes up for looks that come late.
struct Pace: BitwiseCopyable {
    private static let creditNanos: Int64 = 100_000_000
    /// A chain's bytes at this rate, so that both directions and many connections mix well.
    private static let chainsPerSecond: Int64 = 50
    /// Less is not worth a chain.
    private static let chainBytesMin: Int64 = 16_384

    /// Of each direction; more than 0.
    private let bytesPerSecond: Int64
    /// Until when each lane is paid for, in nanoseconds of the monotonic clock.
    private var paidUntil: (up: Int64, down: Int64)
    /// What was wanted and has to wait.
    private(set) var waiting: Step = []

    init(bytesPerSecond: Int64, at nanos: Int64) {
        precondition(bytesPerSecond > 0, "Pace: no rate")
        self.bytesPerSecond = bytesPerSecond
        paidUntil = (nanos, nanos)
    }

    /// Bytes of one chain, at most.
    var chainBytesMax: Int { Int(max(bytesPerSecond / Self.chainsPerSecond, Self.chainBytesMin)) }

    /// When the lane may move on.
    func isDueAt(_ direction: Direction) -> Int64 { direction == .up ? paidUntil.up : paidUntil.down }

    mutating func wait(for step: Step) { waiting.formUnion(step) }

    /// What waited and may go on now.
    mutating func takeDue(at nanos: Int64) -> Step {
        var due: Step = []
        for direction in Direction.allCases where isDueAt(direction) <= nanos {
            due.formUnion(waiting.lane(direction).on(direction))
        }
        waiting.subtract(due)
        return due
    }

    /// The earliest moment at which something that waits may go on, in nanoseconds; nil where nothing waits.
    var dueAtNanos: Int64? {
        var earliest: Int64?
        for direction in Direction.allCases where !waiting.lane(direction).isEmpty {
            earliest = min(earliest ?? .max, isDueAt(direction))
        }
        return earliest
    }

    /// - Parameter bytes: of one answer, which has 31 bits, so that nothing overflows.
    mutating func moved(_ bytes: Int32, _ direction: Direction, at nanos: Int64) {
        guard bytes > 0 else { return }
        let cost = Int64(bytes) &* 1_000_000_000 / bytesPerSecond
        let until = max(isDueAt(direction), nanos &- Self.creditNanos) &+ cost
        if direction == .up { paidUntil.up = until } else { paidUntil.down = until }
    }
}
