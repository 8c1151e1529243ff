import CLinux
import LinuxCalls

/// What has become of bytes that a socket has taken.
enum Arrival: Equatable {
    /// The peer's kernel has all of them.
    case complete
    /// The connection was lost before.
    case lost(SystemError)
    /// Not all of them are acknowledged, and the patience is over.
    case late
    /// All of them are acknowledged; the peer has not ended its stream, and the patience is over.
    case withoutEnd

    /// Waits until the peer has ended its stream, reading away what it says, and has acknowledged everything.
    static func await(_ socket: Int32, _ patience: Patience) -> Arrival {
        var hasEnded = false
        while true {
            // SO_ERROR too, since a reset that comes behind FIN is not told by recv(2).
            let error = clinux_pending_error(socket)
            if error < 0 { return .lost(SystemError(error, in: "SO_ERROR")) }
            if !hasEnded {
                let end = readAway(socket)
                if end < 0 && end != Errno.again { return .lost(SystemError(end, in: "recv")) }
                hasEnded = end == 0
            }
            let isAcknowledged = clinux_unsent_bytes(socket) <= 0
            if hasEnded && isAcknowledged { return .complete }
            if patience.isOver { return isAcknowledged ? .withoutEnd : .late }
            if hasEnded { patience.doze() } else { patience.awaitReading(socket) }
        }
    }

    /// Waits until everything is acknowledged, without reading, or the connection is gone.
    static func awaitAcknowledgement(_ socket: Int32, _ patience: Patience) {
        while clinux_unsent_bytes(socket) > 0 && clinux_has_hung_up(socket) == 0 && !patience.isOver { patience.doze() }
    }

    /// 0 at the end of the stream, `-errno` otherwise: EAGAIN where there is nothing more for now.
    private static func readAway(_ socket: Int32) -> Int32 {
        withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 8) { buffer in
            while true {
                let count = clinux_receive(socket, buffer.baseAddress, buffer.count)
                if count <= 0 && count != Int64(Errno.interrupted) { return Int32(count) }
            }
        }
    }
}
