import Testing

@testable import DataPlane

@Suite("CRC-32C")
struct CRC32CTests {
    private static func crc(_ bytes: [UInt8]) -> UInt32 {
        var crc = CRC32C()
        bytes.withUnsafeBytes { crc.add($0) }
        return crc.value
    }

    /// RFC 3720, B.4, which writes them in the order on the wire.
    @Test("is what RFC 3720 says of its examples")
    func vectors() {
        #expect(Self.crc(Array(repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(Self.crc(Array(repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(Self.crc(Array(0..<32)) == 0x46DD_794E)
        #expect(Self.crc((0..<32).reversed()) == 0x113F_DB5C)
        let read = [UInt8](
            hex: """
                01C00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018 28000000 00000000 02000000 00000000
                """)
        #expect(Self.crc(read) == 0xD996_3A56)
        #expect(Self.crc(Array("123456789".utf8)) == 0xE306_9283)
        #expect(Self.crc([]) == 0)
    }

    @Test("is the same in parts")
    func parts() {
        let bytes = [UInt8](0...255)
        for cut in bytes.indices {
            var crc = CRC32C()
            bytes[..<cut].withUnsafeBytes { crc.add($0) }
            bytes[cut...].withUnsafeBytes { crc.add($0) }
            #expect(crc.value == Self.crc(bytes))
        }
    }
}
