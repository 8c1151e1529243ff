import DataPlane

/// What `--relay` asks for: how bytes move between two sockets.
package enum RelayWish: String, CaseIterable, Sendable {
    /// Each direction by what it shows.
    case adaptive
    /// From socket to socket through a pipe, never through user space (splice(2)).
    case splice
    /// Through the worker's buffers.
    case copy

    package var policy: RelayPolicy {
        switch self {
        case .adaptive: .adaptive
        case .splice: .splice
        case .copy: .copy
        }
    }
}
