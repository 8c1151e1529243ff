import DataPlane

extension RelayMode {
    /// The first half of `relay_up` and `relay_down`.
    var word: StaticString {
        switch self {
        case .copy: "copy"
        case .splice: "splice"
        }
    }
}

extension RelayReason {
    /// The second half.
    var word: StaticString {
        switch self {
        case .new: "new"
        case .pinned: "pinned"
        case .bulk: "bulk"
        case .small: "small"
        case .quiet: "quiet"
        case .noPipe: "no_pipe"
        }
    }
}
