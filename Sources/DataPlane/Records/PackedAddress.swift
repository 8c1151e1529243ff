import LinuxCalls

/// An IPv4 or IPv6 address with its port in few bytes; nothing for any other address.
package struct PackedAddress: BitwiseCopyable, Sendable {
    /// The address's bits, the lowest first: words of four bytes, so that there is no gap behind the family.
    private var words = InlineArray<4, UInt32>(repeating: 0)
    private var port: UInt16 = 0
    /// 0 for none.
    private var family: UInt16 = 0

    package init() {}

    package init(_ address: SocketAddress) {
        guard let number = AddressBlock.number(of: address) else { return }
        for index in 0..<4 { words[index] = UInt32(truncatingIfNeeded: number >> UInt128(32 * index)) }
        port = address.port
        family = UInt16(truncatingIfNeeded: address.family)
    }

    package var isNone: Bool { family == 0 }

    /// `SocketAddress.unknown` for none.
    package var address: SocketAddress {
        if isNone { return .unknown }
        if family == SocketAddress.familyIPv4 { return SocketAddress(ipv4: words[0], port: port) }
        var number: UInt128 = 0
        for index in 0..<4 { number |= UInt128(words[index]) << UInt128(32 * index) }
        return SocketAddress(ipv6: number, port: port)
    }
}
