import LinuxCalls
import Testing

@testable import DataPlane

@Suite("A PROXY header that is written")
struct ProxyHeaderWriterTests {
    private static func address(_ host: String, _ port: UInt16) throws -> SocketAddress {
        try #require(SocketAddress(numeric: host, port: port))
    }

    /// What a call writes into so much room; empty where it gives 0.
    private static func written(_ room: Int = 4_096, _ write: (UnsafeMutableRawBufferPointer) -> Int) -> [UInt8] {
        var buffer = [UInt8](repeating: 0xA5, count: room + 8)
        let length = buffer.withUnsafeMutableBytes { write(UnsafeMutableRawBufferPointer(rebasing: $0[..<room])) }
        #expect(length <= room)
        #expect(buffer[room...].allSatisfy { $0 == 0xA5 }, "beyond the buffer")
        return Array(buffer[..<length])
    }

    private static func v1(_ source: SocketAddress, _ destination: SocketAddress) -> String {
        let bytes = written { ProxyHeaderWriter.writeV1(source: source, destination: destination, into: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func v2(
        _ source: SocketAddress, _ destination: SocketAddress, room: Int = 4_096, authority: [UInt8]? = nil,
        alpn: [UInt8]? = nil, uniqueID: [UInt8]? = nil, addsChecksum: Bool = false
    ) -> [UInt8] {
        (authority ?? []).withUnsafeBytes { name in
            (alpn ?? []).withUnsafeBytes { names in
                (uniqueID ?? []).withUnsafeBytes { id in
                    let tlvs = ProxyTLVs(
                        authority: authority == nil ? nil : name, alpn: alpn == nil ? nil : names,
                        uniqueID: uniqueID == nil ? nil : id, addsChecksum: addsChecksum)
                    return written(room) {
                        ProxyHeaderWriter.writeV2(source: source, destination: destination, tlvs: tlvs, into: $0)
                    }
                }
            }
        }
    }

    @Test(
        "of version 1 is this line, to the byte",
        arguments: [
            ("192.0.2.1", 4_711, "198.51.100.2", 443, "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n"),
            ("0.0.0.0", 0, "255.255.255.255", 65_535, "PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n"),
            ("2001:db8::1", 10, "::1", 100, "PROXY TCP6 2001:db8::1 ::1 10 100\r\n"),
            ("2001:DB8:0:0:1:0:0:A", 9_999, "fe80::", 10_000, "PROXY TCP6 2001:db8::1:0:0:a fe80:: 9999 10000\r\n"),
            ("::ffff:192.0.2.1", 1, "::ffff:c633:6402", 2, "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n"),
            ("192.0.2.1", 1, "::ffff:198.51.100.2", 2, "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n"),
            ("::ffff:192.0.2.1", 1, "2001:db8::2", 2, "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n"),
            ("192.0.2.1", 1, "2001:db8::2", 2, "PROXY UNKNOWN\r\n"), ("::1", 1, "127.0.0.1", 2, "PROXY UNKNOWN\r\n"),
        ] as [(String, UInt16, String, UInt16, String)])
    func line(_ source: String, _ port: UInt16, _ destination: String, _ otherPort: UInt16, _ line: String) throws {
        let ends = (try Self.address(source, port), try Self.address(destination, otherPort))
        #expect(Self.v1(ends.0, ends.1) == line)
        // Not one byte less will do.
        for room in 0..<line.utf8.count {
            let short = Self.written(room) { ProxyHeaderWriter.writeV1(source: ends.0, destination: ends.1, into: $0) }
            #expect(short.isEmpty, "\(room)")
        }
        #expect(
            Self.written(line.utf8.count) { ProxyHeaderWriter.writeV1(source: ends.0, destination: ends.1, into: $0) }
                .count == line.utf8.count)
    }

    @Test("of version 1 says UNKNOWN of a UNIX path and of nobody")
    func nobody() throws {
        let path = try #require(SocketAddress(unixPath: "/run/x"))
        let four = try Self.address("192.0.2.1", 1)
        for (source, destination) in [(path, path), (path, four), (four, path), (.unknown, four), (four, .unknown)] {
            #expect(Self.v1(source, destination) == "PROXY UNKNOWN\r\n")
            #expect(Self.v2(source, destination) == Binary.header(0x21, 0x00, []))
        }
    }

    @Test("of version 2 is these bytes")
    func binary() throws {
        let four = (try Self.address("192.0.2.1", 4_711), try Self.address("198.51.100.2", 443))
        let mapped = (try Self.address("::ffff:192.0.2.1", 4_711), try Self.address("::ffff:198.51.100.2", 443))
        let six = (try Self.address("2001:db8::1", 4_711), try Self.address("2001:db8::2", 443))
        let bytes4 = [UInt8](hex: "0D0A0D0A000D0A515549540A 21 11 000C C0000201 C6336402 1267 01BB")
        #expect(Self.v2(four.0, four.1) == bytes4)
        #expect(Self.v2(mapped.0, mapped.1) == bytes4)
        #expect(Self.v2(four.0, mapped.1) == bytes4)
        #expect(
            Self.v2(six.0, six.1)
                == [UInt8](
                    hex: """
                        0D0A0D0A000D0A515549540A 21 21 0024 20010DB8000000000000000000000001
                        20010DB8000000000000000000000002 1267 01BB
                        """))
        #expect(Self.v2(four.0, six.1) == Binary.header(0x21, 0x00, []))
        #expect(
            Self.written { ProxyHeaderWriter.writeV2Local(into: $0) }
                == [UInt8](hex: "0D0A0D0A000D0A515549540A 20 00 0000"))
        #expect(Self.written(15) { ProxyHeaderWriter.writeV2Local(into: $0) }.isEmpty)
    }

    /// The checksum by another implementation (bit by bit, over zeros).
    @Test("of version 2 with all TLVs is these bytes")
    func allTLVs() throws {
        let (source, destination) = (try Self.address("192.0.2.1", 4_711), try Self.address("198.51.100.2", 443))
        let name = Array("shop.example.com".utf8)
        let written = Self.v2(
            source, destination, authority: name, alpn: Array("h2".utf8), uniqueID: [0, 1, 0xFF], addsChecksum: true)
        let before = Binary.ipv4 + Binary.tlv(2, name) + Binary.tlv(1, [0x68, 0x32]) + Binary.tlv(5, [0, 1, 0xFF])
        #expect(written == Binary.sealed(0x11, before))
        #expect(Told.proxy(written) == "v2 192.0.2.1:4711 > 198.51.100.2:443, \(written.count) bytes")
        for room in 0..<written.count {
            #expect(
                Self.v2(
                    source, destination, room: room, authority: name, alpn: Array("h2".utf8), uniqueID: [0, 1, 0xFF],
                    addsChecksum: true
                ).isEmpty)
        }
        // A literal: what HAProxy would be given for the shortest header with a checksum.
        #expect(
            Self.v2(try Self.address("2001:db8::1", 4_711), try Self.address("2001:db8::2", 443), addsChecksum: true)
                == (try Seeds.read("proxy-header", "v2-tcp6-checksum")))
    }

    @Test("has no more than lengths can say, and no longer identifier than may be")
    func limits() throws {
        let ends = (try Self.address("192.0.2.1", 1), try Self.address("192.0.2.2", 2))
        let long = [UInt8](repeating: 1, count: 65_536)
        #expect(Self.v2(ends.0, ends.1, uniqueID: Array(long[..<128])).count == 16 + 12 + 3 + 128)
        #expect(Self.v2(ends.0, ends.1, uniqueID: Array(long[..<129])).isEmpty)
        #expect(Self.v2(ends.0, ends.1, room: 140_000, authority: long).isEmpty)
        #expect(Self.v2(ends.0, ends.1, room: 140_000, authority: Array(long[..<65_521])).isEmpty)
        #expect(Self.v2(ends.0, ends.1, room: 140_000, authority: Array(long[..<65_520])).count == 16 + 65_535)
        #expect(Self.v2(ends.0, ends.1, authority: [], alpn: []).count == 16 + 12 + 6)
    }

    @Test("is read as what was written", arguments: [1, 2] as [UInt64])
    func roundTrip(seed: UInt64) throws {
        var random = SeededRandom(state: seed)
        for _ in 0..<2_000 {
            func address() -> SocketAddress {
                let port = UInt16(truncatingIfNeeded: random.next())
                // Addresses with many zero groups, of which some have a short form.
                let mask = (0..<8).reduce(0 as UInt128) { mask, _ in mask << 16 | (random.draws(500) ? 0xFFFF : 0) }
                let bits = UInt128(random.next()) << 64 | UInt128(random.next())
                return SocketAddress(ipv6: bits & mask | 1 << 127, port: port)
            }
            var (source, destination) = (address(), address())
            if random.draws(500) {
                source = SocketAddress(ipv4: UInt32(truncatingIfNeeded: random.next()), port: source.port)
                destination = SocketAddress(ipv4: UInt32(truncatingIfNeeded: random.next()), port: destination.port)
            }
            let line = Array(Self.v1(source, destination).utf8)
            #expect(Told.proxy(line + [1]) == "v1 \(source) > \(destination), \(line.count) bytes")
            let header = Self.v2(source, destination, addsChecksum: random.draws(500))
            #expect(Told.proxy(header + [1]) == "v2 \(source) > \(destination), \(header.count) bytes")
        }
    }
}
