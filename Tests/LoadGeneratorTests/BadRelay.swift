import CLinux
import LinuxCalls

@testable import LoadGenerator

/// A relay with one fault, on a thread of its own.
final class BadRelay {
    let address: SocketAddress
    private let order = Order()
    private var thread: NamedThread?

    init(to upstream: SocketAddress, _ fault: RelayFault) throws {
        guard let loopback = SocketAddress(numeric: "127.0.0.1", port: 0) else {
            throw SystemError(Errno.invalid, in: "inet_pton")
        }
        let listener = try ListeningSocket.open(loopback, sharing: false, backlog: 128)
        address = try SocketAddress.local(of: listener.number)
        let order = order
        let socket = listener.release()
        thread = try NamedThread("bad-relay") {
            var traffic = RelayTraffic(listener: socket, upstream: upstream, fault: fault)
            while order.current == .run {
                if !traffic.turn() { Waiter.pause(nanoseconds: 200_000) }
            }
            traffic.close()
        }
    }

    deinit {
        order.give(.cut)
        thread?.join()
    }
}

/// Each of them is something that a real relay has done.
enum RelayFault: Sendable {
    case none
    case dropByte(at: Int)
    case repeatByte(at: Int)
    case flipBit(at: Int)
    case extraByte
    /// The stream ends by FIN here.
    case finAt(Int)
    /// The stream ends by RST here.
    case resetAt(Int)
    /// The first two connections exchange 64 bytes.
    case swapConnections(at: Int)
    case resetBecomesFin
    case finBecomesReset
    case forgetsHalfClose
    case halfCloseClosesBoth
    case swallowsReset
    /// FIN is passed on, and RST when the other way has had more than so many bytes.
    case finThenReset(after: Int)
    /// Connections are accepted and closed again.
    case refuses
}
