import DataPlane
import LinuxCalls

/// An IP address without a port, in host byte order. IPv4 comes before IPv6.
package enum HostAddress: Hashable, Comparable, Sendable {
    case ipv4(UInt32)
    case ipv6(UInt128)

    /// 0.0.0.0 or ::, which no server has: connecting there leads to this machine.
    var isUnspecified: Bool {
        switch self {
        case .ipv4(let number): number == 0
        case .ipv6(let number): number == 0
        }
    }

    func socketAddress(port: UInt16) -> SocketAddress {
        switch self {
        case .ipv4(let number): SocketAddress(ipv4: number, port: port)
        case .ipv6(let number): SocketAddress(ipv6: number, port: port)
        }
    }

    /// Nil for a UNIX address.
    init?(_ address: SocketAddress) {
        // Where the address stands in sockaddr_in and sockaddr_in6 (ip(7), ipv6(7)).
        if address.isIPv4 {
            self = .ipv4(UInt32(bigEndian: address.withBytes { $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self) }))
        } else if address.isIPv6 {
            self = .ipv6(
                UInt128(bigEndian: address.withBytes { $0.loadUnaligned(fromByteOffset: 8, as: UInt128.self) }))
        } else {
            return nil
        }
    }
}
