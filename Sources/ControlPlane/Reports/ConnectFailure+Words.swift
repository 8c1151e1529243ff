import DataPlane

extension CounterBoard.ConnectFailure {
    /// The counter of all upstreams together.
    var total: Counter {
        switch self {
        case .refused: .connectRefused
        case .timedOut: .connectTimedOut
        case .unreachable: .connectUnreachable
        case .noPort: .connectNoPort
        case .otherwise: .connectFailedOtherwise
        }
    }

    /// Follows a number of connects.
    var words: String {
        switch self {
        case .refused: "refused"
        case .timedOut: "timed out"
        case .unreachable: "found no route"
        case .noPort: "found no local port free"
        case .otherwise: "failed"
        }
    }
}
