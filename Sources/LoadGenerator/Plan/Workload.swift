/// What a run does with its connections.
package enum Workload: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    /// Bytes both ways at once, drawn sizes, pauses and endings.
    case ledger = 0
    /// Bytes one way or both as fast as they go.
    case bulk = 1
    /// A request and its answer, again and again.
    case pingpong = 2
    /// Short connections: one to three requests (one where sizes are exact), drawn endings.
    case churn = 3
    /// Connections that are used once, held without a byte, and used once more.
    case idle = 4

    package var name: String { "\(self)" }

    package var mixByDefault: Mix {
        switch self {
        case .ledger: .ledger
        case .churn: .churn
        case .bulk, .pingpong, .idle: .orderly
        }
    }

    /// Mean bytes each way; for pingpong and idle, bytes of one request and of its answer.
    package var sizeByDefault: UInt64 {
        switch self {
        case .ledger: 256 << 10
        case .bulk: 0
        case .pingpong, .idle: 64
        case .churn: 1 << 10
        }
    }

    package var connectionsByDefault: Int {
        switch self {
        case .ledger: 64
        case .bulk: 1
        case .pingpong: 16
        case .churn: 32
        case .idle: 1_000
        }
    }
}
