import LinuxCalls

/// An IPv4 or IPv6 address with its port in few bytes; nothing for any other address.
package struct PackedAddress: BitwiseCopyable, Sendable {
    private var high: UInt64 = 0
    private var low: UInt64 = 0
    private var port: UInt16 = 0
    /// 0 for none.
    private var family: UInt16 = 0

    package init() {}

    package init(_ address: SocketAddress) {
        guard let number = AddressBlock.number(of: address) else { return }
        high = UInt64(truncatingIfNeeded: number >> 64)
        low = UInt64(truncatingIfNeeded: number)
        port = address.port
        family = UInt16(truncatingIfNeeded: address.family)
    }

    package var isNone: Bool { family == 0 }

    /// `SocketAddress.unknown` for none.
    package var address: SocketAddress {
        if isNone { return .unknown }
        return family == 2
            ? SocketAddress(ipv4: UInt32(truncatingIfNeeded: low), port: port)
            : SocketAddress(ipv6: UInt128(high) << 64 | UInt128(low), port: port)
    }
}
