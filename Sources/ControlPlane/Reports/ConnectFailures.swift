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

    /// Without what was counted before a number was given to another upstream.
    mutating func leaveOut(_ before: ConnectFailures) {
        for index in before.counts.indices.prefix(counts.count) { counts[index] &-= before.counts[index] }
    }

    /// What is counted of one upstream so far is to be left out.
    mutating func remember(_ upstream: Int, of all: ConnectFailures) {
        let needed = (upstream + 1) * Cause.allCases.count
        if counts.count < needed { counts += Array(repeating: 0, count: needed - counts.count) }
        for cause in Cause.allCases { self[upstream, cause] = all[upstream, cause] }
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
            // There may have been fewer upstreams, or another one with that number, of which nothing counts any more.
            let known = index < earlier.counts.count ? earlier.counts[index] : 0
            let before = known <= counts[index] ? known : 0
            guard counts[index] != before else { continue }
            let (upstream, cause) = index.quotientAndRemainder(dividingBy: Cause.allCases.count)
            entries.append(
                Entry(upstream: upstream, cause: Cause.allCases[cause], count: counts[index] &- before))
        }
        return entries
    }
}
