import CLinux

/// An option of a TCP socket that somebody asks for. Those that an accepted socket inherits are set on the listener, once
/// (tcp(7); kernel: inet_csk_clone_lock).
package enum SocketOption: BitwiseCopyable, Equatable, Sendable {
    /// Data may come along with a SYN; as many such connections may wait for their last packet (RFC 7413).
    case fastOpen(queue: Int32)
    /// A client is accepted with its first bytes, or after about so many seconds without.
    case deferAccept(seconds: Int32)
    /// How long sent data may stay unacknowledged.
    case userTimeout(milliseconds: Int32)
    case keepalive(Keepalive)
    case congestionControl(ShortName)
    /// Only what comes and goes over that interface (SO_BINDTODEVICE).
    case interface(ShortName)
    /// Addresses that are not this machine's (IP_TRANSPARENT, IPV6_TRANSPARENT).
    case transparent

    /// The call's result: 0 or `-errno`.
    package func set(on socket: Int32) -> Int32 {
        switch self {
        case .fastOpen(let queue): clinux_set_fast_open(socket, queue)
        case .deferAccept(let seconds): clinux_set_defer_accept(socket, seconds)
        case .userTimeout(let milliseconds): clinux_set_user_timeout(socket, milliseconds)
        case .keepalive(let rules):
            clinux_set_keepalive(socket, rules.idleSeconds, rules.intervalSeconds, rules.probes)
        case .congestionControl(let name): name.withCString { clinux_set_congestion_control(socket, $0) }
        case .interface(let name): name.withCString { clinux_bind_to_interface(socket, $0) }
        case .transparent: clinux_set_transparent(socket)
        }
    }

    package var isFastOpen: Bool {
        if case .fastOpen = self { return true }
        return false
    }

    /// As its man page spells it.
    package var call: StaticString {
        switch self {
        case .fastOpen: "setsockopt TCP_FASTOPEN"
        case .deferAccept: "setsockopt TCP_DEFER_ACCEPT"
        case .userTimeout: "setsockopt TCP_USER_TIMEOUT"
        case .keepalive: "setsockopt SO_KEEPALIVE"
        case .congestionControl: "setsockopt TCP_CONGESTION"
        case .interface: "setsockopt SO_BINDTODEVICE"
        case .transparent: "setsockopt IP_TRANSPARENT"
        }
    }
}

/// Probes of a silent connection: the first after so long, the others at intervals, and after so many it is lost.
package struct Keepalive: BitwiseCopyable, Equatable, Sendable {
    package var idleSeconds: Int32 = 60
    package var intervalSeconds: Int32 = 10
    package var probes: Int32 = 6

    package init() {}
}

/// A name of the kernel's, of 1 to 15 bytes (IFNAMSIZ and TCP_CA_NAME_MAX are 16).
package struct ShortName: BitwiseCopyable, Equatable, Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    package static let bytesMax = 15

    /// Nil where it is too long, empty, or has a zero byte.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty, bytes.count <= Self.bytesMax, !bytes.contains(0) else { return nil }
        withUnsafeMutableBytes(of: &self) { $0.copyBytes(from: bytes) }
    }

    package var text: String { withCString { String(cString: $0) } }

    fileprivate func withCString<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
        withUnsafePointer(to: self) {
            $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout<Self>.size, body)
        }
    }
}
