import CLinux
import LinuxCalls

/// What one carry has moved, and how each side answered last: a count, 0 at the source's end, or `-errno`.
package struct Carried: BitwiseCopyable, Equatable {
    package var moved: Int32 = 0
    package var source: Int32 = 1
    package var sink: Int32 = 1

    package init(moved: Int32 = 0, source: Int32 = 1, sink: Int32 = 1) {
        self.moved = moved
        self.source = source
        self.sink = sink
    }
}

/// Carries bytes from socket to socket when neither a pipe nor a buffer can be had: looks at what the source has, sends it,
/// and takes from the source exactly what the sink took. So nothing has to be kept when the sink is full.
///
/// Both engines do it this way, in the worker's own time. It is there so that a worker whose buffers all wait for slow
/// readers serves the others slowly instead of not at all.
package enum PlainCarry {
    /// Bytes looked at in one go.
    package static let bytesMax = 65_536
    /// Bytes after which the worker turns to its other connections.
    package static let budgetBytes: Int32 = 262_144

    /// - Parameters:
    ///   - buffer: of `bytesMax` bytes.
    ///   - isTCP: what was sent is taken from the source without being copied again.
    ///   - canHangUp: see `PlainRead.fill`.
    ///   - bytesAtMost: takes no more.
    package static func carry(
        from source: Int32, to sink: Int32, by buffer: UnsafeMutableRawPointer, isTCP: Bool, canHangUp: Bool,
        atMost bytesAtMost: Int32 = budgetBytes
    ) -> Carried {
        var carried = Carried()
        while carried.moved < bytesAtMost {
            let seen = clinux_peek(source, buffer, min(bytesMax, Int(bytesAtMost - carried.moved)))
            guard seen > 0 else {
                let isReset = seen == 0 && canHangUp && clinux_has_hung_up(source) == 1
                carried.source = isReset ? Errno.reset : Int32(truncatingIfNeeded: seen)
                return carried
            }
            let sent = clinux_send(sink, buffer, Int(seen))
            guard sent > 0 else {
                carried.sink = sent == 0 ? Errno.again : Int32(truncatingIfNeeded: sent)
                return carried
            }
            guard take(Int(sent), from: source, buffer, isTCP) else {
                // The bytes were there a moment ago and nobody else reads this socket.
                carried.source = Errno.badDescriptor
                return carried
            }
            carried.moved += Int32(truncatingIfNeeded: sent)
            if sent < seen {
                carried.sink = Errno.again
                return carried
            }
        }
        return carried
    }

    /// Exactly so many bytes, which are there.
    static func take(_ count: Int, from source: Int32, _ buffer: UnsafeMutableRawPointer, _ isTCP: Bool) -> Bool {
        var left = count
        while left > 0 {
            let taken = isTCP ? clinux_discard(source, left) : clinux_receive(source, buffer, left)
            if taken == Int64(Errno.interrupted) { continue }
            guard taken > 0 else { return false }
            left -= Int(taken)
        }
        return true
    }
}
