/// Reads numbers and blocks in network order from a part of some bytes, and never beyond it: nil for what is not
/// wholly there.
struct ByteCursor: BitwiseCopyable {
    private let bytes: UnsafeRawBufferPointer
    /// Of the next byte, in `bytes`.
    private(set) var place: Int
    private let end: Int

    /// A part that reaches beyond the bytes is cut short.
    init(_ bytes: UnsafeRawBufferPointer, _ part: Range<Int>) {
        self.bytes = bytes
        end = min(max(part.upperBound, 0), bytes.count)
        place = min(max(part.lowerBound, 0), end)
    }

    /// Bytes that are left.
    var count: Int { end - place }
    var isAtEnd: Bool { place == end }
    var range: Range<Int> { place..<end }

    mutating func byte() -> Int? {
        guard place < end else { return nil }
        place += 1
        return Int(bytes[place - 1])
    }

    /// - Parameter length: in bytes, at most 3.
    mutating func number(bytes length: Int) -> Int? {
        guard count >= length else { return nil }
        var number = 0
        for _ in 0..<length { number = number << 8 | (byte() ?? 0) }
        return number
    }

    mutating func block(_ length: Int) -> ByteCursor? {
        guard length >= 0, length <= count else { return nil }
        place += length
        return ByteCursor(bytes, place - length..<place)
    }

    /// A block behind its own length.
    mutating func block(lengthBytes: Int) -> ByteCursor? {
        guard let length = number(bytes: lengthBytes) else { return nil }
        return block(length)
    }
}
