import LinuxCalls
import Testing

@testable import DataPlane

/// Headers of version 2, put together by the text of the protocol.
enum Binary {
    static let signature = [UInt8](hex: "0D0A0D0A 000D0A51 5549540A")
    static let ipv4 = [UInt8](hex: "C0000201 C6336402 1267 01BB")
    static let ipv6 = [UInt8](
        hex: "20010DB8 00000000 00000000 00000001 20010DB8 00000000 00000000 00000002 1267 01BB")
    static let unix = [UInt8](repeating: 0x2F, count: 216)

    static func header(_ command: UInt8 = 0x21, _ family: UInt8 = 0x11, _ block: [UInt8] = ipv4) -> [UInt8] {
        signature + [command, family] + block.behindLength(2)
    }

    static func tlv(_ type: UInt8, _ value: [UInt8]) -> [UInt8] { [type] + value.behindLength(2) }

    /// With the checksum of the whole in a TLV at the place where `block` ends.
    static func sealed(_ family: UInt8, _ block: [UInt8], then rest: [UInt8] = []) -> [UInt8] {
        var header = header(0x21, family, block + tlv(3, [0, 0, 0, 0]) + rest)
        let crc = header.withUnsafeBytes { bytes in
            // Bit by bit, unlike the table.
            ~bytes.reduce(UInt32.max) { crc, byte in
                (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc >> 1 ^ (crc & 1 == 1 ? 0x82F6_3B78 : 0) }
            }
        }
        for index in 0..<4 { header[16 + block.count + 3 + index] = UInt8(truncatingIfNeeded: crc >> (24 - 8 * index)) }
        return header
    }
}

@Suite("A PROXY header of version 2")
struct ProxyBinaryTests {
    private static let ends4 = "192.0.2.1:4711 > 198.51.100.2:443"
    private static let ends6 = "[2001:db8::1]:4711 > [2001:db8::2]:443"

    @Test(
        "names both ends of a stream or of datagrams, and none for a UNIX path",
        arguments: [
            (0x11, Binary.ipv4, ends4), (0x12, Binary.ipv4, ends4), (0x21, Binary.ipv6, ends6),
            (0x22, Binary.ipv6, ends6), (0x31, Binary.unix, "unknown > unknown"),
            (0x32, Binary.unix, "unknown > unknown"),
        ] as [(UInt8, [UInt8], String)])
    func families(family: UInt8, block: [UInt8], ends: String) {
        let header = Binary.header(0x21, family, block)
        #expect(Told.proxy(header) == "v2 \(ends), \(16 + block.count) bytes")
        #expect(Told.proxy(header + Array("payload".utf8)) == Told.proxy(header))
        // One byte less than the addresses need, whatever comes behind it.
        let short = Binary.header(0x21, family, block.dropLast())
        #expect(Told.proxy(short + block) == "proxyAddressLength")
        #expect(Told.proxy(Array(short.prefix(16))) == "proxyAddressLength")
    }

    @Test("is refused for another version or command, or a family or transport that nobody knows")
    func fixedPart() {
        for byte in UInt8.min ... .max {
            let told = Told.proxy(Binary.header(byte))
            let expected =
                byte >> 4 != 2
                ? "proxyVersion"
                : byte & 15 > 1 ? "proxyCommand" : byte == 0x20 ? "v2 local, 28 bytes" : "v2 \(Self.ends4), 28 bytes"
            #expect(told == expected, "\(byte)")
            #expect(Told.proxy(Binary.signature + [byte]) == (told.hasPrefix("v2") ? "needs 14" : told), "\(byte)")
        }
        let known: Set<UInt8> = [0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32]
        for byte in UInt8.min ... .max {
            let told = Told.proxy(Binary.header(0x21, byte, Binary.unix))
            #expect((told == "proxyFamily") == !known.contains(byte), "\(byte)")
            // A sender that speaks for itself may write there what it likes.
            #expect(Told.proxy(Binary.header(0x20, byte, Binary.unix)) == "v2 local, 232 bytes", "\(byte)")
        }
    }

    @Test("is refused at the first byte of its signature that is wrong")
    func signature() {
        for place in 1..<12 {
            var bytes = Array(Binary.header()[...place])
            bytes[place] ^= 1
            #expect(Told.proxy(bytes) == "noProxyHeader", "\(place)")
            #expect(Told.proxy(Array(bytes.dropLast())) == "needs \(place + 1)", "\(place)")
        }
    }

    @Test("that speaks for its sender is skipped whole, whatever its block holds")
    func local() {
        for block in [[], [1, 2, 3], Binary.ipv4, Binary.ipv4 + [9, 255, 255], Binary.tlv(3, [1, 2, 3, 4])] {
            #expect(Told.proxy(Binary.header(0x20, 0x00, block) + [1]) == "v2 local, \(16 + block.count) bytes")
            #expect(Told.proxy(Binary.header(0x21, 0x00, block) + [1]) == "v2 local, \(16 + block.count) bytes")
        }
        // Its block is waited for, too.
        #expect(Told.proxy(Array(Binary.header(0x20, 0x00, [1, 2, 3]).dropLast())) == "needs 19")
    }

    @Test("is waited for whole, up to 4096 bytes; a longer one is refused as soon as it says so")
    func length() {
        #expect(Told.proxy(Array(Binary.header().prefix(16))) == "needs 28")
        func padded(_ length: Int) -> [UInt8] {
            Binary.header(0x21, 0x11, Binary.ipv4 + Binary.tlv(4, Array(repeating: 0, count: length - 31)))
        }
        #expect(Told.proxy(padded(4_096)) == "v2 \(Self.ends4), 4096 bytes")
        #expect(Told.proxy(Array(padded(4_096).dropLast())) == "needs 4096")
        #expect(Told.proxy(Array(padded(4_097).prefix(16))) == "proxyLength")
        #expect(Told.proxy(Binary.signature + [0x20, 0x00, 0xFF, 0xFF]) == "proxyLength")
    }

    @Test("may hold TLVs that nobody knows, empty ones, and padding")
    func skippedTLVs() {
        for type in UInt8.min ... .max where type != 3 {
            for length in [0, 1, 4, 128] {
                let block = Binary.ipv4 + Binary.tlv(type, Array(repeating: 0xFF, count: length)) + Binary.tlv(4, [])
                #expect(Told.proxy(Binary.header(0x21, 0x11, block)).hasPrefix("v2 \(Self.ends4)"), "\(type)")
            }
        }
        // What a TLV holds is its own affair, such as lengths of sub-TLVs that lie (0x20 is SSL).
        let ssl = Binary.tlv(0x20, [UInt8](hex: "07 00000000 21 FFFF 00"))
        #expect(Told.proxy(Binary.header(0x21, 0x11, Binary.ipv4 + ssl)).hasPrefix("v2"))
    }

    @Test("is refused where a TLV reaches beyond it, also if payload lies there")
    func lyingTLVs() {
        let payload = [UInt8](repeating: 0, count: 300)
        for tail in [[4], [4, 0], [4, 0, 1], [4, 0xFF, 0xFF], [4, 0, 3, 0, 0], [4, 0, 0, 9], [0xEA, 1, 0, 1]]
            as [[UInt8]]
        {
            for (family, block) in [(0x11, Binary.ipv4), (0x21, Binary.ipv6), (0x31, Binary.unix)] as [(UInt8, [UInt8])]
            {
                #expect(Told.proxy(Binary.header(0x21, family, block + tail) + payload) == "proxyTLV", "\(tail)")
            }
        }
        // A checksum that is cut off by the header's end, with 0 to 6 of its 7 bytes there.
        for count in 1..<7 {
            let part = Array([UInt8](hex: "03 0004 00000000").prefix(count))
            #expect(Told.proxy(Binary.header(0x21, 0x11, Binary.ipv4 + part) + payload) == "proxyTLV", "\(count)")
        }
    }

    @Test("has an identifier of 128 bytes at most")
    func uniqueID() {
        for (length, told) in [(0, "v2"), (128, "v2"), (129, "proxyTLV")] {
            let block = Binary.ipv4 + Binary.tlv(5, Array(repeating: 7, count: length))
            #expect(Told.proxy(Binary.header(0x21, 0x11, block)).hasPrefix(told), "\(length)")
        }
    }

    @Test(
        "is taken with a good checksum wherever it stands, and with none",
        arguments: [[], Binary.tlv(4, [0, 0]), Binary.tlv(1, [0x68, 0x32]) + Binary.tlv(0xEA, [1])])
    func checksum(tlvs: [UInt8]) {
        for (family, block, ends) in [(0x11, Binary.ipv4, Self.ends4), (0x21, Binary.ipv6, Self.ends6)]
            as [(UInt8, [UInt8], String)]
        {
            for header in [
                Binary.sealed(family, block + tlvs), Binary.sealed(family, block, then: tlvs),
                Binary.sealed(family, block + tlvs, then: tlvs),
            ] {
                #expect(Told.proxy(header + [3, 0, 4]) == "v2 \(ends), \(header.count) bytes")
            }
        }
    }

    @Test("is refused for any bit that differs from what its checksum says")
    func damaged() {
        let header = Binary.sealed(0x11, Binary.ipv4 + Binary.tlv(2, Array("a.example".utf8)))
        for place in 16..<header.count {
            for bit in 0..<8 {
                var damaged = header
                damaged[place] ^= 1 << UInt8(bit)
                // A length or type may become another fault; without its type the checksum is none.
                let isStructure = (28..<31).contains(place) || (40..<43).contains(place)
                let told = Told.proxy(damaged)
                #expect(
                    isStructure ? told != Told.proxy(header) || place == 40 : told == "proxyChecksum")
            }
        }
    }

    @Test("is refused for a checksum that is not four bytes long, and for a second one")
    func checksumForm() {
        for value in [[], [0], [0, 0, 0], [0, 0, 0, 0, 0]] as [[UInt8]] {
            #expect(Told.proxy(Binary.header(0x21, 0x11, Binary.ipv4 + Binary.tlv(3, value))) == "proxyTLV")
        }
        let twice = Binary.sealed(0x11, Binary.ipv4, then: Binary.tlv(3, [0, 0, 0, 0]))
        #expect(Told.proxy(twice) == "proxyTLV")
    }

    @Test("ends where it says, with payload behind it that looks like a TLV or like another header")
    func fused() {
        for header in [Binary.header(), Binary.sealed(0x21, Binary.ipv6), Binary.header(0x20, 0x00, [])] {
            let told = Told.proxy(header)
            for payload in [
                Binary.tlv(3, [9, 9, 9, 9]), Binary.tlv(5, Array(repeating: 1, count: 200)), [4, 0xFF], header,
                Array("PROXY UNKNOWN\r\n".utf8),
            ] {
                #expect(Told.proxy(header + payload) == told)
            }
        }
    }
}
