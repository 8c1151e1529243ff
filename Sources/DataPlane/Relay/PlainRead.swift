import CLinux
import LinuxCalls

/// Reads with recv(2) what splice(2) cannot carry or cannot tell, and writes it into the pipe, from where it is drained as
/// usual. Both engines do it this way, in the worker's own time: it is one page, now and then.
///
/// Needed in three cases, all of them the kernel's:
/// - Urgent data. splice stops before an urgent byte for good and says -EAGAIN (tcp_read_sock); recv gives the byte in its
///   place (SO_OOBINLINE).
/// - The end of a stream. Once FIN has come, splice says 0 as soon as it moves nothing, even before an urgent byte
///   (tcp_splice_read looks at SOCK_DONE); and after a reset that a half-finished write has already been told
///   (splice_to_socket gives the count and drops the error), a read says 0 as well.
/// - Sources that refuse splice with EINVAL.
package enum PlainRead {
    /// Fits any pipe: the smallest one the kernel makes has two pages.
    package static let bytesMax = 4096

    /// - Parameter canHangUp: FIN has not been sent to the source, so that a hang-up of it is a reset and nothing else.
    /// - Parameter bytesAtMost: takes no more.
    /// - Returns: as a fill: bytes now in the pipe, 0 at the source's true end, `-errno`.
    package static func fill(
        from source: Int32, into pipe: PipePool.Pipe, by buffer: UnsafeMutableRawPointer, canHangUp: Bool,
        atMost bytesAtMost: Int = bytesMax
    ) -> Int32 {
        let received = clinux_receive(source, buffer, min(bytesMax, bytesAtMost))
        if received == 0 { return canHangUp && clinux_has_hung_up(source) == 1 ? Errno.reset : 0 }
        guard received > 0 else { return Int32(truncatingIfNeeded: received) }
        let written = clinux_pipe_write(pipe.writeEnd, buffer, Int(received))
        // The pipe was empty and has room for a page: anything else would lose bytes, so it is an error of the knot.
        return written == received ? Int32(received) : Errno.badDescriptor
    }
}
