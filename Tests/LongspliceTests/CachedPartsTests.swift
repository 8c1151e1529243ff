import Testing

@testable import Longsplice

@Suite("Parts of files that were in the page cache a moment ago")
struct CachedPartsTests {
    private let file = FileIdentity(device: 1, inode: 100)

    @Test("are known from their beginning to their end, for ten milliseconds")
    func known() {
        let parts = CachedParts()
        parts.note(file, 4_096..<8_192, nowMillis: 50)
        for (offset, now, end) in [
            (4_096, 50, 8_192), (8_191, 59, 8_192), (4_095, 50, 0), (8_192, 50, 0), (4_096, 60, 0),
        ] as [(Int64, Int64, Int64)] {
            #expect(parts.end(of: file, at: offset, nowMillis: now) == end, "\(offset) at \(now)")
        }
    }

    @Test("are of one file each, and the later one is kept where two meet")
    func others() {
        let parts = CachedParts()
        parts.note(file, 0..<100, nowMillis: 0)
        let same = FileIdentity(device: 1, inode: 164)
        for other in [FileIdentity(device: 2, inode: 100), FileIdentity(device: 1, inode: 101), same] {
            #expect(parts.end(of: other, at: 0, nowMillis: 0) == 0)
        }
        parts.note(same, 0..<200, nowMillis: 0)
        #expect(parts.end(of: same, at: 0, nowMillis: 0) == 200)
        #expect(parts.end(of: file, at: 0, nowMillis: 0) == 0)
        let largest = FileIdentity(device: .max, inode: .max)
        parts.note(largest, 0..<300, nowMillis: 0)
        #expect(parts.end(of: largest, at: 0, nowMillis: 0) == 300)
    }
}
