/// How a connection ended, as its record tells it.
package enum ConnectionEnd: UInt8, BitwiseCopyable, CaseIterable, Sendable {
    /// FIN from both sides, and every byte delivered.
    case fin
    case reset
    case idleTimeout
    case finTimeout
    case connectTimeout
    /// The last upstream tried refused, or reset at once.
    case refused
    case unreachable
    /// No local port was free for the upstream's address.
    case noPort
    case drain
    /// The session was as old as it may become.
    case lifetime
    /// Its server has gone down by its health checks.
    case serverDown
    /// All servers of the pool were down.
    case noServer
    /// One connection too many: of all, of its listener, or of this client.
    case limit
    /// The client came faster than it may.
    case rate
    /// The client's address may not come, or no pool is for it.
    case denied
    /// No descriptor or no memory could be had for the upstream's socket.
    case shortage
    case systemFailure
    /// The worker was told to leave at once.
    case stopped
    /// Whoever gave the pair took it back.
    case takenBack
    /// A PROXY header was missing or malformed.
    case badPrologue
    case prologueTimeout
    /// All servers of the pool were full, and as many clients waited as may.
    case queueFull
    /// No server had room in time.
    case queueTimeout
}

/// Who ended it.
package enum ConnectionEnder: UInt8, BitwiseCopyable, CaseIterable, Sendable {
    case client
    case upstream
    case longsplice

    package init(_ side: Side) { self = side == .client ? .client : .upstream }
}

extension Knot {
    /// How this knot has ended, and by whom; a knot that was left without a cause has been abandoned.
    ///
    /// Where FIN came from both sides it is the first one's doing. A refusal is the upstream's; that nobody can be
    /// reached is told by the way to it; a timeout is Longsplice's own.
    package var outcome: (ender: ConnectionEnder, end: ConnectionEnd) {
        switch cause {
        case .none: (.longsplice, .stopped)
        case .finished: (ConnectionEnder(endedFirst), .fin)
        case .clientReset: (.client, .reset)
        case .upstreamReset: (.upstream, .reset)
        case .idleTimeout: (.longsplice, .idleTimeout)
        case .finTimeout: (.longsplice, .finTimeout)
        case .drain: (.longsplice, .drain)
        case .lifetime: (.longsplice, .lifetime)
        case .serverDown: (.longsplice, .serverDown)
        case .shortage: (.longsplice, .shortage)
        case .systemFailure: (.longsplice, .systemFailure)
        case .takenBack: (.longsplice, .takenBack)
        case .badPrologue: (.client, .badPrologue)
        case .prologueTimeout: (.longsplice, .prologueTimeout)
        case .denied: (.longsplice, .denied)
        case .perClientLimit, .listenerLimit, .listenerClientLimit: (.longsplice, .limit)
        case .rateLimit: (.longsplice, .rate)
        case .queueFull: (.longsplice, .queueFull)
        case .queueTimeout: (.longsplice, .queueTimeout)
        case .connectFailed:
            switch connectFailure {
            case .refused: (.upstream, .refused)
            case .unreachable: (.upstream, .unreachable)
            case .timedOut: (.longsplice, .connectTimeout)
            case .noPort: (.longsplice, .noPort)
            case .otherwise: (.longsplice, .systemFailure)
            case nil: (.longsplice, attempts == 0 ? .noServer : .systemFailure)
            }
        }
    }
}
