import LinuxCalls

/// What an answer of the kernel means for a lane: every errno is named here, and nowhere else.
///
/// Source: splice(2), tcp(7), unix(7), and the kernel's tcp_splice_read and splice_to_socket.
package enum Verdict: BitwiseCopyable, Equatable {
    /// This many bytes went through.
    case moved(Int32)
    /// The source has no more and never will: FIN.
    case ended
    /// Nothing there, or no room: wait and ask again.
    case notNow
    /// A signal came first: ask again at once.
    case interrupted
    /// Taken back before it began; nothing moved.
    case withdrawn
    /// The kernel is short of memory: ask again after a pause.
    case starved
    /// Splice cannot carry what is there; copying can.
    case notSpliceable
    /// The socket's connection is gone.
    case connectionLost
    /// An answer that this operation cannot have: the knot is closed and the surprise counted.
    case unexpected

    /// Source → pipe.
    package static func ofFill(_ result: Int32) -> Verdict {
        result == 0 ? .ended : common(result)
    }

    /// Pipe → sink. 0 cannot come from a pipe whose write end is open; it is read as «no room».
    package static func ofDrain(_ result: Int32) -> Verdict {
        result == 0 ? .notNow : common(result)
    }

    private static func common(_ result: Int32) -> Verdict {
        switch result {
        case 1...: .moved(result)
        case Errno.again: .notNow
        case Errno.interrupted, Errno.restart: .interrupted
        case Errno.canceled: .withdrawn
        case Errno.noMemory, Errno.noBuffers: .starved
        case Errno.invalid: .notSpliceable
        // EMSGSIZE: a record is longer than its sink takes.
        case Errno.badDescriptor, Errno.messageSize: .unexpected
        // ECONNRESET: RST. EPIPE: RST after FIN, or a write to a side that is gone. ETIMEDOUT: retransmissions or
        // keepalive gave up. ENOTCONN, ECONNABORTED: the connection went between two calls. The unreachable ones and
        // whatever else the network says (ICMP) end a TCP connection as well.
        case Errno.reset, Errno.brokenPipe, Errno.timedOut, Errno.notConnected, Errno.aborted,
            Errno.hostUnreachable, Errno.networkUnreachable:
            .connectionLost
        default: .connectionLost
        }
    }
}
