/// What was asked of the kernel: the low seven bits of a tag's operation byte.
package enum Operation: UInt8, BitwiseCopyable, CaseIterable {
    /// A connection from a listener; repeats until a completion says it was the last.
    case accept
    /// A connection to an upstream.
    case connect
    /// An attempt to end another operation. Only a failed attempt is answered.
    case cancel
    /// Waiting for a socket to be ready: alone, or as the head of a `fill`–`drain` or a `drain` chain, where only its
    /// failure is answered and stands for the whole chain.
    case await
    /// Source socket → pipe.
    case fill
    /// Pipe → sink socket.
    case drain
    /// Waiting for a socket, already at its end, to be reset.
    case watch
    /// Source socket → buffers; may repeat until a completion says it was the last.
    case receive
    /// Buffer → sink socket.
    case send
}

/// Which way bytes go through a knot.
package enum Direction: UInt8, BitwiseCopyable, CaseIterable {
    /// Client → upstream.
    case up
    /// Upstream → client.
    case down

    package var opposite: Direction { self == .up ? .down : .up }
}
