/// What all plans of a run are drawn from. It travels in each header, so that the peer needs no configuration.
package struct Recipe: BitwiseCopyable, Equatable, Sendable {
    package var workload: Workload
    package var mix: Mix
    /// Which way bulk flows.
    package var flows: Flows
    /// Mean bytes each way, or those of one request. 0 stands for «until the client sends FIN» (bulk only).
    package var size: UInt64
    /// Every connection has `size` bytes each way, not a drawn number around it.
    package var isExact: Bool
    /// Without progress for this long, a connection counts as stuck; a silent one is held as long.
    package var patienceMillis: UInt32

    package enum Flows: UInt8, BitwiseCopyable, Sendable, CaseIterable {
        case up = 0
        case down = 1
        case both = 2
    }

    package static let sizeMax: UInt64 = 1 << 42
    package static let patienceMillisMax: UInt32 = 24 * 3_600_000

    package init(_ workload: Workload) {
        self.workload = workload
        mix = workload.mixByDefault
        flows = .both
        size = workload.sizeByDefault
        isExact = false
        patienceMillis = 20_000
    }

    /// What is believed of a stranger.
    package var isSound: Bool {
        size <= Self.sizeMax && mix.total > 0 && (1...Self.patienceMillisMax).contains(patienceMillis)
            && (size > 0 || workload == .bulk)
    }
}
