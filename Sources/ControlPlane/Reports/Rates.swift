import DataPlane
import Logging

/// What happened in one interval, for `--stats`.
package struct Rates: Sendable {
    private let before: Totals
    private let after: Totals
    private let milliseconds: UInt64

    /// - Parameter milliseconds: between the two; at least 1 is taken.
    package init(from before: Totals, to after: Totals, milliseconds: Int64) {
        self.before = before
        self.after = after
        self.milliseconds = UInt64(max(1, milliseconds))
    }

    /// Connections are numbers of this moment, failures those of the interval; Gb are 10⁹ bits.
    package var metadata: Logger.Metadata {
        [
            "active": "\(after[.active])",
            "accepted_per_s": "\(perSecond(.accepted))",
            "up_gbps": "\(gigabits(.bytesUp))",
            "down_gbps": "\(gigabits(.bytesDown))",
            "connects_failed": "\(connectsFailed)",
            "pairs_failed": "\(added(.systemFailure) &+ added(.connectFailed))",
            "pipes_open": "\(after[.pipesOpen])",
            "pipes_borrowed": "\(after[.pipesBorrowed])",
        ]
    }

    private var connectsFailed: UInt64 {
        CounterBoard.ConnectFailure.allCases.reduce(0) { $0 &+ added($1.counter) }
    }

    private func added(_ counter: Counter) -> UInt64 { after[counter] &- before[counter] }

    private func perSecond(_ counter: Counter) -> String {
        Decimal.text(added(counter) &* 1_000, over: milliseconds, digits: 1)
    }

    /// bytes · 8 / (ms · 10⁶) = 10⁹ bits a second.
    private func gigabits(_ counter: Counter) -> String {
        Decimal.text(added(counter) &* 8, over: milliseconds &* 1_000_000, digits: 3)
    }
}
