import CLinux

/// Where a TCP connection is in its life (RFC 9293, 3.3.2), by the kernel's numbers (<net/tcp_states.h>).
enum TCPState: Int32 {
    case established = 1
    case synSent
    case synReceived
    case finWait1
    case finWait2
    case timeWait
    case close
    case closeWait
    case lastAck
    case listen
    case closing

    /// IPPROTO_TCP. MPTCP answers to some of TCP's questions too.
    static let protocolNumber: Int32 = 6

    /// Nil for a descriptor of something else.
    init?(of socket: Int32) { self.init(rawValue: clinux_tcp_state(socket)) }

    /// As getpeername(2) has it.
    var hasPeer: Bool {
        switch self {
        case .close, .listen, .synSent: false
        case .established, .synReceived, .finWait1, .finWait2, .timeWait, .closeWait, .lastAck, .closing: true
        }
    }

    var hasSentFin: Bool {
        switch self {
        case .finWait1, .finWait2, .closing, .lastAck, .timeWait, .close: true
        case .established, .synSent, .synReceived, .closeWait, .listen: false
        }
    }
}
