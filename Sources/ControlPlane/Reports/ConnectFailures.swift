import DataPlane
import LinuxCalls

/// How often connecting to each upstream has failed, by cause, in all workers together.
package struct ConnectFailures: Equatable, Sendable {
    package typealias Cause = CounterBoard.ConnectFailure

    private var counts: [UInt64]

    package init(upstreamCount: Int) {
        counts = Array(repeating: 0, count: upstreamCount * Cause.allCases.count)
    }

    package init(_ boards: [CounterBoard], upstreamCount: Int) {
        self.init(upstreamCount: upstreamCount)
        for upstream in 0..<upstreamCount {
            for cause in Cause.allCases {
                self[upstream, cause] = boards.reduce(0) { $0 &+ $1.failures(of: upstream, cause) }
            }
        }
    }

    package subscript(upstream: Int, cause: Cause) -> UInt64 {
        get { counts[upstream * Cause.allCases.count + cause.rawValue] }
        set { counts[upstream * Cause.allCases.count + cause.rawValue] = newValue }
    }

    package struct Entry: Equatable, Sendable {
        package let upstream: Int
        package let cause: Cause
        package let count: UInt64
    }

    /// What has been added since `earlier`, without those that are zero.
    package func added(since earlier: ConnectFailures) -> [Entry] {
        var entries: [Entry] = []
        for index in counts.indices {
            // There may have been fewer upstreams.
            let before = index < earlier.counts.count ? earlier.counts[index] : 0
            guard counts[index] != before else { continue }
            let (upstream, cause) = index.quotientAndRemainder(dividingBy: Cause.allCases.count)
            entries.append(
                Entry(upstream: upstream, cause: Cause.allCases[cause], count: counts[index] &- before))
        }
        return entries
    }
}
