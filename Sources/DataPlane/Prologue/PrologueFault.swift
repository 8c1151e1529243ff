/// Why bytes are no PROXY header, or no ClientHello.
package enum PrologueFault: UInt8, BitwiseCopyable, CaseIterable, Sendable {
    /// Neither of version 1 nor of version 2.
    case noProxyHeader
    case proxyLine
    case proxyLineLength
    case proxyVersion
    case proxyCommand
    case proxyFamily
    /// Too short for its addresses.
    case proxyAddressLength
    /// Longer than `ProxyHeader.lengthMax`.
    case proxyLength
    /// A length inside that lies, a checksum of other than 4 bytes or a second one, an identifier over 128 bytes.
    case proxyTLV
    case proxyChecksum

    /// No record of a TLS handshake.
    case noTLS
    /// Empty, or longer than 16384 bytes.
    case tlsRecordLength
    /// A handshake that begins with something else.
    case noClientHello
    /// Longer than `ClientHello.lengthMax`.
    case helloLength
    /// A length inside that lies, or a value that cannot be.
    case helloForm
    /// An extension that is there twice.
    case helloRepetition

    /// For counters and logs.
    package var words: StaticString {
        switch self {
        case .noProxyHeader: "no PROXY header"
        case .proxyLine: "malformed PROXY v1 line"
        case .proxyLineLength: "PROXY v1 line over 107 bytes"
        case .proxyVersion: "unknown version of the PROXY protocol"
        case .proxyCommand: "unknown PROXY v2 command"
        case .proxyFamily: "unknown PROXY v2 address family or transport"
        case .proxyAddressLength: "PROXY v2 header too short for its addresses"
        case .proxyLength: "PROXY v2 header too long"
        case .proxyTLV: "malformed PROXY v2 TLV"
        case .proxyChecksum: "wrong PROXY v2 checksum"
        case .noTLS: "no TLS handshake"
        case .tlsRecordLength: "TLS record of an impossible length"
        case .noClientHello: "TLS handshake without ClientHello"
        case .helloLength: "ClientHello too long"
        case .helloForm: "malformed ClientHello"
        case .helloRepetition: "ClientHello with an extension twice"
        }
    }
}
