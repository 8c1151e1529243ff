import DataPlane

extension CounterBoard.ConnectFailure {
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
