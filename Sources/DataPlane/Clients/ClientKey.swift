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

    func hash(_ seed: UInt64) -> Int { Self.hash(prefix, family, seed) }

    /// SplitMix64's last steps over the key and a table's seed.
    static func hash(_ prefix: UInt64, _ family: UInt32, _ seed: UInt64) -> Int {
        var z = (prefix ^ seed) &* (seed | 1) &+ UInt64(family)
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int(truncatingIfNeeded: z ^ (z >> 31))
    }
}
