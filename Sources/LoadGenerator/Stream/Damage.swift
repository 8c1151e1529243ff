/// What has happened to a stream at its first wrong byte.
package struct Damage: BitwiseCopyable, Equatable, Sendable {
    package enum Kind: UInt8, BitwiseCopyable, Sendable, CaseIterable {
        /// The stream goes on further ahead: bytes are missing in the middle.
        case lost = 0
        /// The stream starts again further back.
        case `repeated` = 1
        /// Bytes of another stream of the same run.
        case foreign = 2
        /// Bytes of no stream of this run.
        case corrupt = 3
    }

    package let kind: Kind
    package let offset: UInt64
    package let expected: UInt8
    package let got: UInt8
    /// Where the wrong bytes belong; nil for corrupt ones.
    package let origin: StreamPlace?

    /// - Parameters:
    ///   - place: of the first wrong byte.
    ///   - bytes: what was received, from that byte on. With fewer than 23 the origin may stay unknown.
    package init(at place: StreamPlace, seed: UInt64, bytes: UnsafeRawBufferPointer) {
        let key = StreamKey(seed: seed, id: place.id, direction: place.direction)
        offset = place.offset
        expected = key.byte(at: place.offset)
        got = bytes.first ?? 0
        origin = Self.origin(of: bytes, seed)
        kind =
            switch origin {
            case nil: .corrupt
            case let there? where there.id != place.id || there.direction != place.direction: .foreign
            case let there? where there.offset > place.offset: .lost
            case let there? where there.offset < place.offset: .repeated
            // The stream goes on where it should, behind a byte that was changed.
            case _?: .corrupt
            }
    }

    /// Words are aligned to 8 bytes of their stream, but not of the buffer: each of the 8 ways is tried, and only two words
    /// that follow each other are believed.
    private static func origin(of bytes: UnsafeRawBufferPointer, _ seed: UInt64) -> StreamPlace? {
        for shift in 0..<8 where shift + 16 <= bytes.count {
            let first = place(in: bytes, at: shift, seed)
            let second = place(in: bytes, at: shift + 8, seed)
            guard first.id == second.id, first.direction == second.direction, second.offset == first.offset &+ 8 else {
                continue
            }
            let start = first.offset < UInt64(shift) ? 0 : first.offset - UInt64(shift)
            return StreamPlace(id: first.id, direction: first.direction, offset: start)
        }
        return nil
    }

    private static func place(in bytes: UnsafeRawBufferPointer, at index: Int, _ seed: UInt64) -> StreamPlace {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
        return StreamKey.place(of: word, seed: seed)
    }
}
