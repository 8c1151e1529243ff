import Testing

@testable import DataPlane

@Suite("The beginning of a stream")
struct PrologueTests {
    @Test("is the same PROXY header however it is cut", arguments: Seeds.proxyHeaders)
    func proxyCuts(name: String) throws {
        Told.expectSameAtEachCut(try Seeds.read("proxy-header", name), name) { Told.proxy($0) }
    }

    @Test("is the same ClientHello however it is cut", arguments: Seeds.clientHellos)
    func helloCuts(name: String) throws {
        Told.expectSameAtEachCut(try Seeds.read("client-hello", name), name) { Told.hello($0) }
    }

    @Test("may be empty")
    func empty() {
        #expect(Told.proxy([]) == "needs 1")
        #expect(Told.hello([]) == "needs 1")
    }

    @Test("has words for each fault, all of them different")
    func words() {
        #expect(Set(PrologueFault.allCases.map(\.words.description)).count == PrologueFault.allCases.count)
    }

    /// 200,000 of each in all.
    @Test("may be damaged in any way without a trap", arguments: [1, 2, 3, 4] as [UInt64])
    func mutations(seed: UInt64) throws {
        try Self.mutate(Seeds.proxyHeaders.map { try Seeds.read("proxy-header", $0) }, seed) { bytes in
            switch ProxyHeader.look(bytes) {
            case .incomplete(let needed): needed > bytes.count && needed <= ProxyHeader.lengthMax
            case .found(let header): header.length <= bytes.count
            case .refused: true
            }
        }
        // The short ones: the others differ by what is skipped.
        let hellos = ["go", "one-byte-records", "openssl-tls12", "openssl-tls13", "openssl-upper-dot"]
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: ClientHello.lengthMax, alignment: 1)
        defer { scratch.deallocate() }
        try Self.mutate(hellos.map { try Seeds.read("client-hello", $0) }, seed) { bytes in
            switch ClientHello.look(bytes, scratch: scratch) {
            case .incomplete(let needed): return needed > bytes.count && needed <= ClientHello.lengthMax
            case .found(let hello):
                return (hello.serverName?.upperBound ?? 0) <= bytes.count
                    && (hello.protocols?.upperBound ?? 0) <= bytes.count
            case .refused: return true
            }
        }
    }

    private static func mutate(
        _ seeds: [[UInt8]], _ seed: UInt64, _ isTotal: (UnsafeRawBufferPointer) -> Bool
    ) throws {
        var random = SeededRandom(state: seed)
        for round in 0..<50_000 {
            var bytes = seeds[random.below(seeds.count)]
            for _ in 0...random.below(3) where !bytes.isEmpty {
                let place = random.below(bytes.count)
                switch random.below(6) {
                case 0: bytes[place] ^= 1 << UInt8(random.below(8))
                case 1: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 2: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF, 0x0D, 0x20][random.below(7)]
                case 3: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.below(8)))
                case 4:
                    bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 1 + random.below(8))], at: place)
                default: bytes.removeSubrange(place...)
                }
            }
            let isTotal = bytes.withUnsafeBytes(isTotal)
            if !isTotal { Issue.record("seed \(seed), round \(round): \(bytes)") }
        }
    }
}
