import CLinux
import LinuxCalls

/// Carries what splice(2) cannot: received into memory and written into the pipe, from where it is drained as usual.
///
/// Needed for urgent data, at which tcp_splice_read stops for good (SO_OOBINLINE makes recv(2) give the urgent byte in
/// its place), and for sources that refuse splice with EINVAL.
enum CopyThroughPipe {
    /// Fits any pipe: the smallest one the kernel makes has two pages.
    static let bytesMax = 4096

    /// - Returns: as a fill: bytes now in the pipe, 0 at the source's end, `-errno`.
    static func fill(from source: Int32, to pipe: PipePool.Pipe, by buffer: UnsafeMutableRawPointer) -> Int32 {
        let received = clinux_receive(source, buffer, bytesMax)
        guard received > 0 else { return Int32(truncatingIfNeeded: received) }
        let written = clinux_pipe_write(pipe.writeEnd, buffer, Int(received))
        // The pipe was empty and has room for a page: anything else would lose bytes, so it is an error of the knot.
        return written == received ? Int32(received) : Errno.badDescriptor
    }
}
