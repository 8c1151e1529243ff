/// How a connection is brought to its end. The one who does it is the plan's actor, the client or the peer; the other side
/// knows the plan and sees to it that each ending means what its name says.
package enum Ending: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    /// The actor sends FIN while the other side still has half of its bytes to send, which it sends only after that FIN.
    case finEarly = 0
    /// The actor sends FIN only after it has read the other side's FIN.
    case finLate = 1
    /// Both send FIN as soon as they have sent their bytes.
    case both = 2
    /// The actor resets when all bytes have been delivered both ways; nobody has sent FIN.
    case resetIdle = 3
    /// The actor resets in the middle of its bytes.
    case resetMid = 4
    /// The actor closes its socket in the middle of its bytes and reads no more.
    case closeMid = 5
    /// The actor says nothing more when all bytes have been delivered, and holds the connection.
    case silence = 6

    /// As flags and reports spell it.
    package var name: String {
        switch self {
        case .finEarly: "fin-early"
        case .finLate: "fin-late"
        case .both: "both"
        case .resetIdle: "rst-idle"
        case .resetMid: "rst-mid"
        case .closeMid: "close-mid"
        case .silence: "silence"
        }
    }
}
