import LinuxCalls

extension CounterBoard.ConnectFailure {
    /// Why a connect failed, from connect(2)'s `-errno`.
    package init(_ result: Int32) {
        switch result {
        // ECONNRESET: the upstream accepted and reset at once. ENOENT: no UNIX socket of that name.
        case Errno.refused, Errno.reset, Errno.noEntry: self = .refused
        // ECANCELED: our own deadline. EAGAIN: a UNIX listener's backlog is full.
        case Errno.timedOut, Errno.canceled, Errno.again: self = .timedOut
        case Errno.hostUnreachable, Errno.networkUnreachable: self = .unreachable
        case Errno.addressNotAvailable: self = .noPort
        default: self = .otherwise
        }
    }

    /// The counter of all upstreams together.
    package var counter: Counter {
        switch self {
        case .refused: .connectRefused
        case .timedOut: .connectTimedOut
        case .unreachable: .connectUnreachable
        case .noPort: .connectNoPort
        case .otherwise: .connectFailedOtherwise
        }
    }
}
