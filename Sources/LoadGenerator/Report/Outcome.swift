/// What one side saw of one connection, in 16 bytes.
package struct Outcome: BitwiseCopyable, Equatable, Sendable {
    /// How the other side's stream ended here.
    package enum End: UInt8, BitwiseCopyable, Sendable, CaseIterable {
        /// It had not ended when this side closed.
        case open = 0
        case fin = 1
        case reset = 2
        /// FIN, and then RST.
        case finThenReset = 3
        /// An error that is none of these.
        case failed = 4
    }

    /// How this side ended its own stream.
    package enum Own: UInt8, BitwiseCopyable, Sendable, CaseIterable {
        /// The connection was gone before.
        case open = 0
        case fin = 1
        case reset = 2
        case close = 3
    }

    package var received: UInt64 = 0
    package var sent: UInt64 = 0
    package var end: End = .open
    package var own: Own = .open
    /// Wrong bytes or too many or too few; the violation tells more.
    package var isDamaged = false
    package var isStuck = false
    /// The client could not connect.
    package var isUnconnected = false
    /// Over a UNIX socket, which knows no RST.
    package var isLocal = false

    package static let bytesMax: UInt64 = (1 << 56) - 1

    package init() {}

    // 56 bits of bytes and 8 bits of the rest in each word. The first word's top bit tells a record from none.
    package var words: (UInt64, UInt64) {
        let first = UInt64(end.rawValue) | UInt64(own.rawValue) &<< 3 | 1 &<< 7
        var second: UInt64 = isDamaged ? 1 : 0
        if isStuck { second |= 2 }
        if isUnconnected { second |= 4 }
        if isLocal { second |= 8 }
        return (min(received, Self.bytesMax) | first &<< 56, min(sent, Self.bytesMax) | second &<< 56)
    }

    /// Nil for no record, or for one that cannot be.
    package init?(words: (UInt64, UInt64)) {
        let first = UInt8(truncatingIfNeeded: words.0 >> 56)
        let flags = UInt8(truncatingIfNeeded: words.1 >> 56)
        guard first & 0x80 != 0, let end = End(rawValue: first & 7), let own = Own(rawValue: (first >> 3) & 7) else {
            return nil
        }
        self.init()
        (received, sent, self.end, self.own) = (words.0 & Self.bytesMax, words.1 & Self.bytesMax, end, own)
        (isDamaged, isStuck) = (flags & 1 != 0, flags & 2 != 0)
        (isUnconnected, isLocal) = (flags & 4 != 0, flags & 8 != 0)
    }
}
