import CLinux
import LinuxCalls

/// What the ancestor checked of each socket before it tied two: that it is one, of a type it knows, and connected.
struct SocketIdentity {
    /// SO_TYPE: the kernel's SOCK_ numbers.
    enum Kind: Int32 {
        case stream = 1
        case datagram = 2
        case sequencedPacket = 5

        /// Records stay apart.
        var keepsRecords: Bool { self != .stream }
    }

    let kind: Kind
    let speaksTCP: Bool
    /// FIN was sent already.
    let isShut: Bool
    /// Which socket this is, however many descriptors it has (SO_COOKIE).
    let cookie: Int64

    /// - Parameter name: the argument's, for the sentence.
    init(_ descriptor: Descriptor, _ name: StaticString) throws(SpliceError) {
        let number = descriptor.number
        let type = clinux_socket_type(number)
        switch type {
        case Errno.badDescriptor:
            throw SpliceError(.notADescriptor, type, "\(name): \(number) is no open descriptor; lend one that is")
        case Errno.notSocket:
            throw SpliceError(
                .notASocket, type,
                "\(name): descriptor \(number) is no socket; splice ties sockets, sendfile sends files")
        case ..<0:
            throw SpliceError(
                .system, type,
                "\(name): getsockopt SO_TYPE of descriptor \(number): \(SystemError(type, in: "getsockopt"))")
        default: break
        }
        let domain = clinux_socket_domain(number)
        let protocolNumber = clinux_socket_protocol(number)
        guard let kind = Kind(rawValue: type), let speaksTCP = Self.speaksTCP(domain, protocolNumber, kind) else {
            throw SpliceError(
                .unsupportedType, Errno.socketTypeNotSupported,
                "\(name): descriptor \(number) is a socket of domain \(domain), type \(type), protocol \(protocolNumber); "
                    + "splice ties TCP, UDP and UNIX sockets")
        }
        var address = SocketAddress.unknown
        guard clinux_socket_listens(number) == 0,
            address.becomePeer(of: number) == 0 || speaksTCP && Self.hadPeer(number)
        else {
            throw SpliceError(
                .notConnected, Errno.notConnected,
                "\(name): the socket of descriptor \(number) has no peer; connect it first")
        }
        self.kind = kind
        self.speaksTCP = speaksTCP
        isShut = speaksTCP && clinux_has_sent_fin(number) == 1
        cookie = clinux_socket_cookie(number)
    }

    /// Once FIN has gone both ways TCP knows no peer any more. What has not been read is still to be spliced then, and that
    /// end itself: both can be read, where a socket that never had a peer, or was reset, answers with an error.
    private static func hadPeer(_ number: Int32) -> Bool {
        var byte: UInt8 = 0
        return clinux_peek(number, &byte, 1) >= 0
    }

    /// Nil for a protocol that is not known.
    private static func speaksTCP(_ domain: Int32, _ protocolNumber: Int32, _ kind: Kind) -> Bool? {
        switch (domain, kind, protocolNumber) {
        case (1, _, _): false
        case (2, .stream, 6), (10, .stream, 6): true
        case (2, .datagram, 17), (10, .datagram, 17): false
        default: nil
        }
    }
}
