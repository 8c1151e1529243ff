import LinuxCalls
import Testing

@testable import DataPlane

@Suite("A set of addresses")
struct AddressSetTests {
    private static func address(_ text: String) throws -> SocketAddress {
        try #require(SocketAddress(numeric: text, port: 4_711))
    }

    private static func block(_ text: String, _ prefix: Int?) throws -> AddressBlock {
        try #require(AddressBlock(try address(text), prefix: prefix))
    }

    @Test("holds what its blocks hold, to both ends, and nothing else")
    func ends() throws {
        let set = AddressSet([
            try Self.block("10.0.0.0", 8), try Self.block("192.0.2.66", nil), try Self.block("2001:db8::", 32),
        ])
        for text in [
            "10.0.0.0", "10.255.255.255", "192.0.2.66", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            #expect(set.contains(try Self.address(text)), "\(text)")
        }
        for text in ["9.255.255.255", "11.0.0.0", "192.0.2.65", "192.0.2.67", "2001:db7:ffff::", "2001:db9::", "::1"] {
            #expect(!set.contains(try Self.address(text)), "\(text)")
        }
        #expect(!set.contains(.unknown))
        #expect(!set.contains(try #require(SocketAddress(unixPath: "/tmp/x"))))
    }

    @Test("holds everything of a family for a prefix of 0, and nothing when it is empty")
    func extremes() throws {
        let four = AddressSet([try Self.block("0.0.0.0", 0)])
        #expect(four.contains(try Self.address("255.255.255.255")))
        #expect(four.contains(try Self.address("0.0.0.0")))
        #expect(!four.contains(try Self.address("::")))
        let six = AddressSet([try Self.block("::", 0)])
        #expect(six.contains(try Self.address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")))
        #expect(!AddressSet([]).contains(try Self.address("10.0.0.1")))
    }

    @Test("knows an IPv4 address in its IPv6 form")
    func mapped() throws {
        let set = AddressSet([try Self.block("10.0.0.0", 8)])
        #expect(set.contains(try Self.address("::ffff:10.1.2.3")))
        #expect(!set.contains(try Self.address("::ffff:11.1.2.3")))
    }

    @Test("joins blocks that touch or lie in each other")
    func joined() throws {
        let set = AddressSet([
            try Self.block("10.0.1.0", 24), try Self.block("10.0.0.0", 24), try Self.block("10.0.0.7", nil),
            try Self.block("10.0.3.0", 24), try Self.block("ffff::", 16), try Self.block("fffe::", 16),
        ])
        #expect(set.blockCount == 3)
    }

    @Test("takes no block with bits behind its prefix, or with a length beyond its family")
    func refused() throws {
        #expect(AddressBlock(try Self.address("10.0.0.1"), prefix: 8) == nil)
        #expect(AddressBlock(try Self.address("10.0.0.0"), prefix: 33) == nil)
        #expect(AddressBlock(try Self.address("10.0.0.0"), prefix: -1) == nil)
        #expect(AddressBlock(try Self.address("2001:db8::1"), prefix: 127) == nil)
        #expect(AddressBlock(.unknown, prefix: nil) == nil)
    }

    /// Against the plain definition: an address is in a block when their first bits are the same.
    @Test("answers as a search through all blocks does", arguments: [1, 2, 3])
    func random(seed: UInt64) throws {
        var random = SeededRandom(state: seed)
        let blocks = (0..<400).compactMap { _ -> (base: UInt32, prefix: Int)? in
            let prefix = 4 + random.below(29)
            let base = UInt32(truncatingIfNeeded: random.next()) & (prefix == 32 ? .max : ~(UInt32.max >> prefix))
            return (base, prefix)
        }
        func text(_ word: UInt32) -> String { "\(word >> 24).\(word >> 16 & 255).\(word >> 8 & 255).\(word & 255)" }
        let set = AddressSet(try blocks.map { try Self.block(text($0.base), $0.prefix) })
        for round in 0..<3_000 {
            // Half of them near an end of some block.
            let near = blocks[random.below(blocks.count)].base &+ UInt32(truncatingIfNeeded: random.below(3)) &- 1
            let word = round % 2 == 0 ? UInt32(truncatingIfNeeded: random.next()) : near
            let expected = blocks.contains { ($0.base ^ word) >> (32 - $0.prefix) == 0 }
            #expect(set.contains(try Self.address(text(word))) == expected, "\(text(word))")
        }
    }
}
