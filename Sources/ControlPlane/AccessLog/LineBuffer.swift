/// Lines on their way to a sink: bytes in a fixed piece of memory that is used again and again.
///
/// Lines are appended while there is room for the longest possible one, and taken away from the front as they are written.
/// The memory begins anew each time it has become empty, so the beginning of a line that was written in part stays there.
struct LineBuffer: ~Copyable {
    /// What one write takes at most.
    static let capacity = 64 << 10
    /// No line is longer: three escaped UNIX paths and everything else. Also what a pipe takes whole (PIPE_BUF, pipe(7)).
    static let lineBytesMax = 4096

    private let base: UnsafeMutablePointer<UInt8>
    private var head = 0
    private var tail = 0

    init() { base = .allocate(capacity: Self.capacity) }

    deinit { base.deallocate() }

    var isEmpty: Bool { head == tail }
    /// Bytes that wait to be written.
    var count: Int { tail - head }
    /// Lines that are sure to fit.
    var linesFitting: Int { (Self.capacity - tail) / Self.lineBytesMax }
    var hasRoom: Bool { linesFitting > 0 }
    /// What waits; valid until the buffer is changed.
    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base + head, count: count) }

    /// Ends of lines among what waits.
    var lineCount: Int { bytes.count { $0 == Self.newline } }

    /// Bytes from the front that are whole lines, at most `limit`; where not even one line fits, `limit` or what there is.
    func wholeLines(atMost limit: Int) -> Int {
        guard count > limit else { return count }
        return bytes[..<limit].lastIndex(of: Self.newline).map { $0 + 1 } ?? limit
    }

    /// Bytes of the first line, with its end.
    var firstLine: Int { bytes.firstIndex(of: Self.newline).map { $0 + 1 } ?? count }

    static let newline = UInt8(ascii: "\n")

    // MARK: Writing

    /// `count` bytes have been written.
    mutating func remove(_ count: Int) {
        head += min(max(0, count), tail - head)
        if head == tail { (head, tail) = (0, 0) }
    }

    /// Back to the beginning of a line that was written in part: a new reader gets it whole.
    mutating func rewindToLine() {
        while head > 0 && base[head - 1] != Self.newline { head -= 1 }
    }

    // MARK: Appending

    mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func append(_ text: [UInt8]) { text.withUnsafeBytes { append($0) } }

    mutating func append(_ source: UnsafeRawBufferPointer) {
        precondition(source.count <= Self.capacity - tail, "LineBuffer: a line longer than the longest")
        guard let start = source.baseAddress else { return }
        UnsafeMutableRawPointer(base + tail).copyMemory(from: start, byteCount: source.count)
        tail += source.count
    }

    mutating func append(byte: UInt8) {
        precondition(tail < Self.capacity, "LineBuffer: a line longer than the longest")
        base[tail] = byte
        tail += 1
    }

    /// In decimal digits, at least `width` of them.
    mutating func append(_ number: UInt64, width: Int = 1) {
        var digits = width
        var bound = Self.powerOfTen(width)
        while digits < 20 && number >= bound {
            digits += 1
            // 10²⁰ is more than 64 bits hold, and no number has more digits.
            bound = digits < 20 ? bound &* 10 : .max
        }
        precondition(digits <= Self.capacity - tail, "LineBuffer: a line longer than the longest")
        var rest = number
        var at = tail + digits
        while at > tail {
            at -= 1
            base[at] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        tail += digits
    }

    private static func powerOfTen(_ exponent: Int) -> UInt64 {
        var power: UInt64 = 1
        for _ in 0..<exponent { power &*= 10 }
        return power
    }

    /// Lets a call write up to `limit` bytes and say how many; nothing where it says a negative number.
    mutating func append(upTo limit: Int, _ fill: (UnsafeMutablePointer<UInt8>) -> Int32) {
        precondition(limit <= Self.capacity - tail, "LineBuffer: a line longer than the longest")
        tail += min(limit, Int(max(0, fill(base + tail))))
    }
}
