/// Reads a PROXY line of version 1 byte by byte, and stops at the first one that cannot be right.
///
/// Addresses are those that inet_pton(3) takes: IPv4 without leading zeros, IPv6 in any of RFC 4291's forms, with up
/// to four digits of either case a group.
struct LineScanner {
    let bytes: UnsafeRawBufferPointer
    var place = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func next() throws(LookStop) -> UInt8 {
        guard place < ProxyHeader.lineMax else { throw .refused(.proxyLineLength) }
        guard place < bytes.count else { throw .incomplete(needed: place + 1) }
        place += 1
        return bytes[place - 1]
    }

    mutating func expect(_ word: StaticString, or fault: PrologueFault) throws(LookStop) {
        for index in 0..<word.utf8CodeUnitCount where try next() != word.utf8Start[index] { throw .refused(fault) }
    }

    /// A decimal number without leading zeros, and the byte behind it.
    private mutating func decimal(to limit: Int) throws(LookStop) -> (number: Int, end: UInt8) {
        var (number, digits) = (0, 0)
        while true {
            let byte = try next()
            guard let digit = byte.decimalDigit else {
                guard digits > 0 else { throw .refused(.proxyLine) }
                return (number, byte)
            }
            guard digits == 0 || number > 0 else { throw .refused(.proxyLine) }
            number = number * 10 + digit
            guard number <= limit else { throw .refused(.proxyLine) }
            digits += 1
        }
    }

    mutating func port(before end: UInt8) throws(LookStop) -> UInt16 {
        let (number, found) = try decimal(to: 65_535)
        guard found == end else { throw .refused(.proxyLine) }
        return UInt16(truncatingIfNeeded: number)
    }

    /// An IPv4 address and one space. In host byte order.
    mutating func ipv4() throws(LookStop) -> UInt32 {
        var address: UInt32 = 0
        for octet in 1...4 {
            let (number, end) = try decimal(to: 255)
            guard end == UInt8(ascii: octet < 4 ? "." : " ") else { throw .refused(.proxyLine) }
            address = address << 8 | UInt32(truncatingIfNeeded: number)
        }
        return address
    }

    /// An IPv6 address and one space. In host byte order.
    mutating func ipv6() throws(LookStop) -> UInt128 {
        var groups = IPv6Groups()
        var (value, digits) = (UInt16(0), 0)
        let start = place
        while true {
            let byte = try next()
            if let digit = byte.hexadecimalDigit {
                guard digits < 4, groups.hasRoom(for: 1) else { throw .refused(.proxyLine) }
                (value, digits) = (value << 4 | digit, digits + 1)
                continue
            }
            switch byte {
            case UInt8(ascii: ":") where digits > 0:
                groups.append(value)
                // One group more has to follow, or else the gap.
                guard groups.hasRoom(for: 1) else { throw .refused(.proxyLine) }
                (value, digits) = (0, 0)
            case UInt8(ascii: ":") where place - start == 1:
                guard try next() == UInt8(ascii: ":") else { throw .refused(.proxyLine) }
                groups.openGap()
            case UInt8(ascii: ":"):
                guard groups.gap == nil else { throw .refused(.proxyLine) }
                groups.openGap()
            case UInt8(ascii: ".") where digits > 0:
                // IPv4 is the end: without a gap, two groups have to be missing.
                guard groups.hasRoom(for: 2), groups.gap != nil || groups.count == 6 else {
                    throw .refused(.proxyLine)
                }
                place -= digits + 1
                let address = try ipv4()
                groups.append(UInt16(truncatingIfNeeded: address >> 16))
                groups.append(UInt16(truncatingIfNeeded: address))
                return try whole(groups)
            case UInt8(ascii: " "):
                // A colon alone cannot be the end.
                guard digits > 0 || groups.gap == groups.count else { throw .refused(.proxyLine) }
                if digits > 0 { groups.append(value) }
                return try whole(groups)
            default: throw .refused(.proxyLine)
            }
        }
    }

    private func whole(_ groups: IPv6Groups) throws(LookStop) -> UInt128 {
        guard let address = groups.address else { throw .refused(.proxyLine) }
        return address
    }
}

/// The groups of an IPv6 address that is being read.
struct IPv6Groups: BitwiseCopyable {
    private var bits: UInt128 = 0
    private(set) var count = 0
    /// How many groups stand before `::`.
    private(set) var gap: Int?

    /// A gap stands for one group at least.
    func hasRoom(for more: Int) -> Bool { count + more <= (gap == nil ? 8 : 7) }

    mutating func append(_ group: UInt16) {
        bits = bits << 16 | UInt128(group)
        count += 1
    }

    mutating func openGap() { gap = count }

    /// Nil where groups are missing, or are too many.
    var address: UInt128? {
        guard let gap else { return count == 8 ? bits : nil }
        guard count < 8 else { return nil }
        let tailBits = UInt128(16 * (count - gap))
        let tail = bits & ((1 << tailBits) - 1)
        // A shift by all 128 bits leaves nothing.
        return ((bits >> tailBits) << UInt128(128 - 16 * gap)) | tail
    }
}

extension UInt8 {
    var decimalDigit: Int? { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) ? Int(self & 15) : nil }

    var hexadecimalDigit: UInt16? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(self & 15)
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(self & 15) + 9
        default: nil
        }
    }
}
