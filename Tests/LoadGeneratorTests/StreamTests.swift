import Testing

@testable import LoadGenerator

@Suite("A stream")
struct StreamTests {
    private static let seed: UInt64 = 0x1234_5678_9abc_def0

    private func bytes(_ id: UInt64, _ direction: Direction, _ range: Range<UInt64>) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        let key = StreamKey(seed: Self.seed, id: id, direction: direction)
        bytes.withUnsafeMutableBytes { key.fill($0, from: range.lowerBound) }
        return bytes
    }

    private func firstWrong(_ bytes: [UInt8], _ id: UInt64, _ direction: Direction, from offset: UInt64) -> Int? {
        let key = StreamKey(seed: Self.seed, id: id, direction: direction)
        return bytes.withUnsafeBytes { key.firstWrong(in: $0, from: offset) }
    }

    private func damage(_ bytes: [UInt8], _ id: UInt64, _ direction: Direction, from offset: UInt64 = 0) -> Damage? {
        guard let wrong = firstWrong(bytes, id, direction, from: offset) else { return nil }
        let place = StreamPlace(id: id, direction: direction, offset: offset + UInt64(wrong))
        return bytes.withUnsafeBytes { Damage(at: place, seed: Self.seed, bytes: .init(rebasing: $0[wrong...])) }
    }

    @Test("is the same from whichever offset it is made")
    func anyOffset() {
        let whole = bytes(7, .up, 0..<512)
        for start in 0..<64 {
            for end in [start, start + 1, start + 7, start + 8, start + 9, start + 63, 512] {
                #expect(bytes(7, .up, UInt64(start)..<UInt64(end)) == Array(whole[start..<end]))
                #expect(firstWrong(Array(whole[start..<end]), 7, .up, from: UInt64(start)) == nil)
            }
        }
        for (index, byte) in whole.enumerated() {
            #expect(StreamKey(seed: Self.seed, id: 7, direction: .up).byte(at: UInt64(index)) == byte)
        }
    }

    @Test("goes on past 4 GiB and 8 GiB without starting again")
    func longStreams() {
        let start = bytes(7, .up, 0..<64)
        for exponent: UInt64 in [32, 33, 34, 42] {
            let far = bytes(7, .up, (1 << exponent) - 3..<(1 << exponent) + 61)
            #expect(far != start && Array(far[3...]) != Array(start[..<61]))
            #expect(firstWrong(far, 7, .up, from: (1 << exponent) - 3) == nil)
        }
    }

    @Test("notices any one changed byte at its place")
    func changedByte() {
        for offset: UInt64 in [0, 1, 5, 8] {
            let whole = bytes(3, .down, offset..<offset + 200)
            for index in 0..<200 {
                var changed = whole
                changed[index] ^= 0x40
                #expect(firstWrong(changed, 3, .down, from: offset) == index)
            }
        }
    }

    @Test("tells lost bytes, and how far ahead it goes on", arguments: [1, 2, 7, 8, 9, 64, 1000])
    func lost(count: Int) throws {
        var stream = bytes(9, .up, 0..<4096)
        stream.removeSubrange(1003..<(1003 + count))
        let found = try #require(damage(stream, 9, .up))
        // The byte behind the gap may be the missing one's twin.
        #expect(found.kind == .lost && (1003...1006).contains(found.offset))
        #expect(found.origin == StreamPlace(id: 9, direction: .up, offset: found.offset + UInt64(count)))
        #expect(found.expected != found.got)
    }

    @Test("tells repeated bytes, and how far back they belong", arguments: [1, 2, 7, 8, 9, 64, 1000])
    func repeated(count: Int) throws {
        var stream = bytes(9, .up, 0..<4096)
        stream.insert(contentsOf: stream[(1003 - count)..<1003], at: 1003)
        let found = try #require(damage(stream, 9, .up))
        #expect(found.kind == .repeated && (1003...1006).contains(found.offset))
        #expect(found.origin == StreamPlace(id: 9, direction: .up, offset: found.offset - UInt64(count)))
    }

    @Test("tells bytes of another connection and of the other direction, whose they are")
    func foreign() throws {
        for (id, direction): (UInt64, Direction) in [(10, .up), (9, .down), (2_000_000, .down), (0, .up)] {
            for start in 1000..<1008 {
                var stream = bytes(9, .up, 0..<4096)
                stream.replaceSubrange(
                    start..<(start + 32), with: bytes(id, direction, UInt64(start)..<UInt64(start + 32)))
                let found = try #require(damage(stream, 9, .up))
                #expect(found.kind == .foreign && found.offset < UInt64(start + 3))
                #expect(found.origin == StreamPlace(id: id, direction: direction, offset: found.offset))
            }
        }
    }

    @Test("tells a corrupt byte from bytes that moved")
    func corrupt() throws {
        var stream = bytes(9, .up, 0..<4096)
        stream[77] ^= 1
        let found = try #require(damage(stream, 9, .up))
        #expect(found.kind == .corrupt && found.offset == 77)
        #expect(found.got == found.expected ^ 1)
    }

    @Test("of two connections swaps no word unseen")
    func wordsDiffer() {
        var seen: Set<UInt64> = []
        for id: UInt64 in 0..<50 {
            for direction in Direction.allCases {
                let words = bytes(id, direction, 0..<800).withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) }
                for word in words { #expect(seen.insert(word).inserted) }
            }
        }
    }

    @Test("undoes its own mixture for any place")
    func inverse() {
        var draw = Draw(seed: 5)
        for _ in 0..<1000 {
            let place = StreamPlace(
                id: draw.below(StreamKey.idsMax), direction: draw.oneIn(2) ? .up : .down,
                offset: draw.below(1 << 40) * 8)
            let seed = draw.next()
            let key = StreamKey(seed: seed, id: place.id, direction: place.direction)
            let word = StreamKey.word(key.sequence(at: place.offset / 8))
            #expect(StreamKey.place(of: word, seed: seed) == place)
        }
    }
}
