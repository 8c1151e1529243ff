/// What one direction has shown of its traffic: the evidence for changing its mode. Pure arithmetic, a few bytes.
package struct TrafficGauge: BitwiseCopyable {
    /// Bytes since the other direction last spoke.
    private var runBytes: UInt32 = 0
    /// Bytes of receives that left more behind, in a row.
    private var backlogBytes: UInt32 = 0
    /// What the direction had moved when it was promoted, in units of 64 KiB.
    private var promotedAt: UInt32 = 0
    private var smallFills: UInt8 = 0
    /// How often a promotion has proved to be too early; each doubles what has to be shown.
    private var doubt: UInt8 = 0

    private static let doubtMax: UInt8 = 6
    /// A promotion after which less than this was moved came too early, in units of 64 KiB: 4 MiB.
    private static let worthwhile: UInt32 = 64

    package init() {}

    /// Bytes were received for copying.
    /// - Parameters:
    ///   - leavesMore: more were waiting behind them.
    ///   - pauseMillis: since something last happened in this direction.
    /// - Returns: true where this is bulk by now.
    package mutating func received(
        _ bytes: Int32, leavesMore: Bool, pauseMillis: Int64, _ rules: RelayRules
    ) -> Bool {
        let isRun = leavesMore || bytes >= rules.bulkReceiveBytesMin
        if !isRun || pauseMillis >= rules.pauseMillis { runBytes = 0 }
        if !leavesMore { backlogBytes = 0 }
        let count = UInt32(bitPattern: max(0, bytes))
        // Neither may wrap: both are looked at long before.
        if isRun { runBytes = min(runBytes &+ count, 1 << 30) }
        if leavesMore { backlogBytes = min(backlogBytes &+ count, 1 << 30) }
        return max(runBytes, backlogBytes) >= rules.bulkBytes &<< UInt32(doubt)
    }

    /// The other direction has spoken: what this one has sent was a message, and here is the answer; unless more of it was
    /// waiting, since then both directions speak at once.
    package mutating func turned() {
        if backlogBytes == 0 { runBytes = 0 }
    }

    package mutating func promoted(at bytesMoved: UInt64) {
        runBytes = 0
        backlogBytes = 0
        smallFills = 0
        promotedAt = Self.units(bytesMoved)
    }

    /// A chain has filled the pipe with so many bytes.
    /// - Returns: true where splicing is not worth its effort any more.
    package mutating func filled(_ bytes: Int32, _ rules: RelayRules) -> Bool {
        smallFills = bytes < rules.fillBytesMin ? smallFills &+ 1 : 0
        return smallFills >= rules.smallFillsMax
    }

    /// Back to copying.
    package mutating func demoted(at bytesMoved: UInt64) {
        let isEarly = Self.units(bytesMoved) &- promotedAt < Self.worthwhile
        doubt = isEarly ? min(doubt &+ 1, Self.doubtMax) : 0
        smallFills = 0
    }

    private static func units(_ bytes: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: bytes >> 16) }
}
