/// Reads a message from its beginning, and never beyond its end: nil for what is not wholly there.
struct DNSReader {
    private let bytes: [UInt8]
    private(set) var place = 0

    /// A name was there; nil for one that is nobody's, see `DNSMessage`.
    enum Name: Equatable { case found(String?) }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Of two bytes, in network order.
    mutating func number() -> UInt16? { wide(bytes: 2).map { UInt16(truncatingIfNeeded: $0) } }

    /// - Parameter length: in bytes, at most 16.
    mutating func wide(bytes length: Int) -> UInt128? {
        guard let end = place(after: length) else { return nil }
        defer { place = end }
        return bytes[place..<end].reduce(0) { $0 << 8 | UInt128($1) }
    }

    func place(after length: Int) -> Int? { length <= bytes.count - place ? place + length : nil }

    /// False where that has been passed.
    mutating func skip(to end: Int) -> Bool {
        guard end >= place, end <= bytes.count else { return false }
        place = end
        return true
    }

    /// The rest of a name may stand earlier in the message (RFC 1035, 4.1.4), each time further ahead: so this ends.
    mutating func name() -> Name? {
        var text: [UInt8] = []
        var isPlain = true
        var (at, first) = (place, place)
        var behind: Int?
        while true {
            guard at < bytes.count else { return nil }
            let length = Int(bytes[at])
            if length == 0 { break }
            if length >= 0xC0 {
                guard at + 1 < bytes.count else { return nil }
                let target = (length & 0x3F) << 8 | Int(bytes[at + 1])
                guard target < first else { return nil }
                behind = behind ?? at + 2
                (at, first) = (target, target)
                continue
            }
            // 64…191 is no length of a label.
            guard length < 64, length < bytes.count - at, text.count + length < Self.bytesMax else { return nil }
            if !text.isEmpty { text.append(UInt8(ascii: ".")) }
            for byte in bytes[at + 1...at + length] {
                isPlain = isPlain && byte.isOfName && byte != UInt8(ascii: ".")
                text.append((0x41...0x5A).contains(byte) ? byte | 0x20 : byte)
            }
            at += 1 + length
        }
        place = behind ?? at + 1
        return .found(isPlain ? String(decoding: text, as: UTF8.self) : nil)
    }

    /// Of a name as text.
    private static let bytesMax = 254
}
