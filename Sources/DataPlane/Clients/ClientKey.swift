import LinuxCalls

/// Whom the connections of one client address are counted for: an IPv4 address, or the /64 that an IPv6 address is in,
/// since a host has all of those to choose from (RFC 6177).
struct ClientKey: BitwiseCopyable, Equatable {
    let prefix: UInt64
    let family: UInt32

    /// Nil for a client without a network address: a UNIX socket's, or one that has gone already.
    init?(_ address: borrowing SocketAddress) {
        guard address.isTCP else { return nil }
        family = UInt32(truncatingIfNeeded: address.family)
        prefix =
            address.isIPv4
            ? address.withBytes { UInt64($0.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) }
            : address.withBytes { $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self) }
    }
}
