import LinuxCalls

/// A header of the PROXY protocol, version 1 or 2, as received. Source: HAProxy's doc/proxy-protocol.txt.
package struct ProxyHeader: BitwiseCopyable {
    /// 1 or 2.
    package var version: UInt8
    /// The sender speaks for itself, or does not say for whom (v2 LOCAL, v2 UNSPEC, v1 UNKNOWN): the connection's real
    /// endpoints count.
    package var isLocal: Bool
    /// Bytes of the whole header; what follows is payload.
    package var length: Int
    /// `SocketAddress.unknown` where the header names none, or a UNIX path.
    package var source: SocketAddress
    package var destination: SocketAddress

    /// The longest header that is taken, in bytes. Version 2 could say 65551; addresses take 52 of them (232 for
    /// UNIX), and what senders add, a client's certificate being the longest, stays far below.
    package static let lengthMax = 4_096
    /// Of a line of version 1, its CRLF included (section 2.1).
    static let lineMax = 107

    package static func look(_ bytes: UnsafeRawBufferPointer) -> PrologueLook<ProxyHeader> {
        guard let first = bytes.first else { return .incomplete(needed: 1) }
        do throws(LookStop) {
            switch first {
            case UInt8(ascii: "P"): return .found(try line(bytes))
            case 0x0D: return .found(try binary(bytes))
            default: return .refused(.noProxyHeader)
            }
        } catch { return PrologueLook(error) }
    }
}
