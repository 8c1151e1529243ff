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
    /// FIN was sent already. False where that was not asked.
    let isShut: Bool
    /// Which socket this is, however many descriptors it has (SO_COOKIE).
    let cookie: Int64

    /// - Parameters:
    ///   - name: the argument's, for the sentence.
    ///   - isToBeWritten: what it takes tells that a TCP socket is connected, so it is asked only where it takes nothing
    ///     (`expectPeer`): the question costs more than all others of a call.
    init(_ descriptor: Descriptor, _ name: StaticString, isToBeWritten: Bool = false) throws(SpliceError) {
        let number = descriptor.number
        // Most are TCP's, and two questions tell all of it.
        if clinux_socket_protocol(number) == TCPState.protocolNumber {
            (kind, speaksTCP) = (.stream, true)
            isShut = isToBeWritten ? false : try Self.expectPeer(number, name)
        } else {
            kind = try Self.kind(number, name)
            (speaksTCP, isShut) = (false, false)
            var address = SocketAddress.unknown
            guard clinux_socket_listens(number) == 0, address.becomePeer(of: number) == 0 else {
                throw Self.unconnected(number, name)
            }
        }
        cookie = clinux_socket_cookie(number)
    }

    /// Of a TCP socket.
    /// - Returns: whether FIN was sent already.
    /// - Throws: `.notConnected`.
    @discardableResult
    static func expectPeer(_ number: Int32, _ name: StaticString) throws(SpliceError) -> Bool {
        guard let state = TCPState(of: number), state.hasPeer || state != .listen && hadPeer(number) else {
            throw unconnected(number, name)
        }
        return state.hasSentFin
    }

    /// Of a socket that speaks no TCP.
    private static func kind(_ number: Int32, _ name: StaticString) throws(SpliceError) -> Kind {
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
        guard let kind = Kind(rawValue: type), isKnown(domain, kind, protocolNumber) else {
            throw SpliceError(
                .unsupportedType, Errno.socketTypeNotSupported,
                "\(name): descriptor \(number) is a socket of domain \(domain), type \(type), protocol \(protocolNumber); "
                    + "splice ties TCP, UDP and UNIX sockets")
        }
        return kind
    }

    private static func unconnected(_ number: Int32, _ name: StaticString) -> SpliceError {
        SpliceError(
            .notConnected, Errno.notConnected,
            "\(name): the socket of descriptor \(number) has no peer; connect it first")
    }

    /// Once FIN has gone both ways TCP knows no peer any more. What has not been read is still to be spliced then, and that
    /// end itself: both can be read, where a socket that never had a peer, or was reset, answers with an error.
    private static func hadPeer(_ number: Int32) -> Bool {
        var byte: UInt8 = 0
        return clinux_peek(number, &byte, 1) >= 0
    }

    private static func isKnown(_ domain: Int32, _ kind: Kind, _ protocolNumber: Int32) -> Bool {
        switch (domain, kind, protocolNumber) {
        case (1, _, _), (2, .datagram, 17), (10, .datagram, 17): true
        default: false
        }
    }
}
