/// All figures of a run, as JSON and the table show them.
package struct RunReport: Sendable {
    package var settings: RunSettings
    package var seconds = 0.0
    package var opened: UInt64 = 0
    package var finished: UInt64 = 0
    package var bytesUp: UInt64 = 0
    package var bytesDown: UInt64 = 0
    /// Requests that were answered.
    package var turns: UInt64 = 0
    package var opensPostponed: UInt64 = 0
    /// From the warm-up's end to the stop, and what came to its end in between.
    package var measuredSeconds = 0.0
    package var turnsMeasured: UInt64 = 0
    package var finishedMeasured: UInt64 = 0
    package var latencies = Latencies()
    /// Connections whose outcomes on both sides were held against the plan, by ending.
    package var reconciled = [UInt64](repeating: 0, count: Ending.allCases.count)
    /// Connections that the plan allows the peer not to know, and that it does not know.
    package var unknownAllowed: UInt64 = 0
    package var resetsBecameFin: UInt64 = 0
    /// The client's streams that ended by each kind of end.
    package var ends = [UInt64](repeating: 0, count: Outcome.End.allCases.count)
    /// The first ones; more are counted only.
    package var violations: [Violation] = []
    package var violationCounts = [UInt64](repeating: 0, count: Violation.Kind.allCases.count)
    package var processorSeconds = 0.0
    /// Of the busiest thread, 0 to 1.
    package var busy = 0.0
    package var peerProcessorSeconds: Double?
    package var peerBusy: Double?
    package var strangers: UInt64?
    /// Why the peer's view is missing, or nil.
    package var peerTrouble: String?
    package var wasInterrupted = false

    package static let busyMax = 0.9

    package init(_ settings: RunSettings) { self.settings = settings }

    package var violationCount: UInt64 { violationCounts.reduce(0, +) }
    package var reconciledCount: UInt64 { reconciled.reduce(0, +) }

    /// Nothing was violated, and both sides were heard.
    package var isOK: Bool { violationCount == 0 && peerTrouble == nil && opened > 0 }

    /// What a connection of this run was to do.
    package func plan(of id: UInt64) -> Plan { Plan(settings.wireRecipe, seed: settings.seed, id: id) }

    package var bytes: UInt64 { bytesUp &+ bytesDown }

    /// One sentence for each thing that makes the figures doubtful.
    package var warnings: [String] {
        var warnings: [String] = []
        if busy > Self.busyMax {
            warnings.append(
                "a thread of the runner was busy for \(Int(busy * 100)) % of the time; the figures may be its own bound"
            )
        }
        if let peerBusy, peerBusy > Self.busyMax {
            warnings.append(
                "a thread of the peer was busy for \(Int(peerBusy * 100)) % of the time; the figures may be its own bound"
            )
        }
        if opened >= Ledger.idsMax {
            warnings.append("the run ended with \(opened) connections, as many as it can hold")
        }
        if wasInterrupted { warnings.append("the run was interrupted") }
        return warnings
    }
}
