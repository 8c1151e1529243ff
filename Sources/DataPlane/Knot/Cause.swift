/// Why a knot ended: counted, and later part of its record.
package enum Cause: UInt8, BitwiseCopyable, CaseIterable {
    case none
    /// Both sides sent FIN and every byte was delivered.
    case finished
    /// The client reset the connection, or the network gave it up.
    case clientReset
    /// The upstream reset the connection, or the network gave it up.
    case upstreamReset
    case idleTimeout
    case finTimeout
    /// Longsplice drained and the pair was still there at the deadline.
    case drain
    /// The session was as old as it may become.
    case lifetime
    /// Its server has gone down.
    case serverDown
    /// No upstream could be connected.
    case connectFailed
    /// No descriptor or no memory could be had for the upstream's socket.
    case shortage
    /// The kernel refused something the knot cannot go on without.
    case systemFailure
    /// Whoever gave the pair took it back (`Job`).
    case takenBack
    /// A client that has to begin with a PROXY header began with something else, or ended before.
    case badPrologue
    /// The header was not whole in time.
    case prologueTimeout
    /// By the header or the ClientHello, the client may not come, or no pool is for it.
    case denied
    /// By the header, the client has as many connections as it may have.
    case perClientLimit
    /// By the header, the listener takes no more: of all clients, of this one, or so fast.
    case listenerLimit
    case listenerClientLimit
    case rateLimit
    /// All servers were full, and as many clients waited as may.
    case queueFull
    /// No server had room for as long as a client waits.
    case queueTimeout
}

/// Who is on which end.
package enum Side: UInt8, BitwiseCopyable, CaseIterable {
    case client
    case upstream

    package var other: Side { self == .client ? .upstream : .client }
    /// The lane that reads from this side.
    package var outgoing: Direction { self == .client ? .up : .down }
    package var cause: Cause { self == .client ? .clientReset : .upstreamReset }
}

extension Direction {
    package var source: Side { self == .up ? .client : .upstream }
    package var sink: Side { self == .up ? .upstream : .client }
}
