/// One direction of one connection of one run, and its endless stream of words.
///
/// Word `i` is a mixture of (connection, direction, i) that can be undone: whoever holds a word and the run's seed knows which stream
/// and which place it comes from. No two words of one run are the same, so that a byte that moved is a wrong byte.
/// The mixture is the first half of MurmurHash3's 64-bit finaliser over a Weyl sequence: one addition, one multiplication and
/// two shifts for each 8 bytes.
package struct StreamKey: BitwiseCopyable, Equatable, Sendable {
    /// 2²³ connections in one run.
    package static let idsMax: UInt64 = 1 << 23
    /// 2⁴⁰ words of 8 bytes in one stream.
    static let indexMask: UInt64 = (1 << 40) - 1

    /// The sequence before the first word.
    let origin: UInt64

    package init(seed: UInt64, id: UInt64, direction: Direction) {
        let place = (id &<< 41) | (UInt64(direction.rawValue) &<< 40)
        origin = (place &+ Draw.mixed(seed)) &* Self.step
    }

    /// Odd, so that multiplying by it can be undone.
    static let step: UInt64 = 0x9e37_79b9_7f4a_7c15
    private static let spread: UInt64 = 0xff51_afd7_ed55_8ccd
    private static let stepInverse = inverse(of: step)
    private static let spreadInverse = inverse(of: spread)

    @inline(__always)
    static func word(_ sequence: UInt64) -> UInt64 {
        let folded = (sequence ^ (sequence &>> 32)) &* spread
        return folded ^ (folded &>> 29)
    }

    @inline(__always)
    func sequence(at index: UInt64) -> UInt64 { origin &+ index &* Self.step }

    /// Byte `offset` of the stream.
    package func byte(at offset: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: Self.word(sequence(at: offset &>> 3)) &>> ((offset & 7) &* 8))
    }

    /// Where a word of a run comes from. Any word gives an answer; two in a row that fit together prove it.
    package static func place(of word: UInt64, seed: UInt64) -> StreamPlace {
        var value = word ^ (word &>> 29) ^ (word &>> 58)
        value = value &* spreadInverse
        value ^= value &>> 32
        value = value &* stepInverse &- Draw.mixed(seed)
        let direction: Direction = (value &>> 40) & 1 == 0 ? .up : .down
        return StreamPlace(id: value &>> 41, direction: direction, offset: (value & indexMask) &* 8)
    }

    /// Newton's iteration: each round doubles the number of right bits.
    private static func inverse(of odd: UInt64) -> UInt64 {
        var result = odd
        for _ in 0..<5 { result = result &* (2 &- odd &* result) }
        return result
    }
}

/// A byte's place: connection, direction, offset from the stream's first byte.
package struct StreamPlace: BitwiseCopyable, Equatable, Sendable {
    package var id: UInt64
    package var direction: Direction
    package var offset: UInt64

    package init(id: UInt64, direction: Direction, offset: UInt64) {
        self.id = id
        self.direction = direction
        self.offset = offset
    }
}
