import Histogram

/// Times in nanoseconds, to three digits, up to ten minutes; longer ones count as ten minutes.
package struct Latencies: Sendable {
    private var histogram = Histogram<UInt64>(
        highestTrackableValue: Self.longest, numberOfSignificantValueDigits: .three)
    private static let longest: UInt64 = 600_000_000_000

    package init() {}

    package mutating func record(nanoseconds: Int64) {
        histogram.record(min(UInt64(max(0, nanoseconds)), Self.longest))
    }

    package mutating func add(_ other: Latencies) { histogram.add(other.histogram) }

    package var count: UInt64 { histogram.totalCount }
    package var maxNanoseconds: UInt64 { count == 0 ? 0 : histogram.max }
    package var meanNanoseconds: Double { count == 0 ? 0 : histogram.mean }

    /// - Parameter percentile: 0 to 100.
    package func nanoseconds(at percentile: Double) -> UInt64 {
        count == 0 ? 0 : min(histogram.valueAtPercentile(percentile), maxNanoseconds)
    }

    /// The percentiles that reports show.
    package static let percentiles: [(name: String, value: Double)] = [
        ("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9),
    ]
}
