import LinuxCalls

/// Which file it is, whatever descriptors it has.
struct FileIdentity: Equatable {
    var device: UInt64 = 0
    var inode: UInt64 = 0
}

/// Parts of files that were in the page cache a moment ago.
///
/// The kernel looks at each page to tell (cachestat(2)): 256 of them took it 11 µs, of the 350 that sending them took. A file that
/// is asked for all the time is looked at once in a while; one page that went in that while would cost a wait for the disk.
final class CachedParts: Sendable {
    private struct Part {
        var file = FileIdentity()
        var range: Range<Int64> = 0..<0
        var untilMillis: Int64 = 0
    }

    private static let places = 64
    private static let millis: Int64 = 10

    /// One for each file, at the place that its number gives; another one takes it over.
    private let parts = Locked(Array(repeating: Part(), count: places))

    /// - Returns: the end of the part that begins here or before, 0 where nothing is known.
    func end(of file: FileIdentity, at offset: Int64, nowMillis: Int64 = Clock.nowMillis()) -> Int64 {
        let part = parts.withLock { $0[Self.place(of: file)] }
        guard part.file == file, part.range.contains(offset), nowMillis < part.untilMillis else { return 0 }
        return part.range.upperBound
    }

    func note(_ file: FileIdentity, _ range: Range<Int64>, nowMillis: Int64 = Clock.nowMillis()) {
        let part = Part(file: file, range: range, untilMillis: nowMillis + Self.millis)
        parts.withLock { $0[Self.place(of: file)] = part }
    }

    private static func place(of file: FileIdentity) -> Int { Int((file.inode &+ file.device) % UInt64(places)) }
}
