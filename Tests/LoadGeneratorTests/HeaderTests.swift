import Testing

@testable import LoadGenerator

@Suite("A header")
struct HeaderTests {
    private func bytes(_ header: Header) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xee, count: Header.bytes)
        bytes.withUnsafeMutableBytes { header.write(to: $0) }
        return bytes
    }

    private func read(_ bytes: [UInt8]) -> Header? { bytes.withUnsafeBytes { Header($0) } }

    private func drawn(_ draw: inout Draw) -> Header {
        var recipe = Recipe(Workload.allCases[Int(draw.below(5))])
        for ending in Ending.allCases { recipe.mix[ending] = UInt16(draw.below(100)) }
        recipe.mix[.both] += 1
        recipe.flows = Recipe.Flows.allCases[Int(draw.below(3))]
        recipe.size = draw.within(1...Recipe.sizeMax)
        recipe.isExact = draw.oneIn(2)
        recipe.patienceMillis = UInt32(draw.within(1...100_000))
        return Header(
            draw.oneIn(5) ? .report : .stream, recipe, seed: draw.next(), id: draw.below(Ledger.idsMax),
            run: draw.next())
    }

    @Test("is read as it was written")
    func roundTrip() {
        var draw = Draw(seed: 1)
        for _ in 0..<500 {
            let header = drawn(&draw)
            #expect(read(bytes(header)) == header)
        }
    }

    @Test("is refused when any of it is missing")
    func truncation() {
        let whole = bytes(Header(.stream, Recipe(.ledger), seed: 1, id: 2))
        for count in 0..<Header.bytes { #expect(read(Array(whole[..<count])) == nil) }
    }

    @Test("is refused when any bit of it is changed")
    func everyBit() {
        let whole = bytes(Header(.stream, Recipe(.ledger), seed: 1, id: 2))
        for bit in 0..<(Header.bytes * 8) {
            var changed = whole
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(read(changed) == nil)
        }
    }

    @Test("of a stranger who knows the check word is refused or gives a plan, and never traps")
    func forged() {
        for seed: UInt64 in 0..<5000 {
            var draw = Draw(seed: seed)
            var forged = bytes(drawn(&draw))
            for _ in 0..<draw.within(1...12) { forged[Int(draw.within(11...87))] = UInt8(draw.below(256)) }
            let sum = forged.withUnsafeBytes { Checksum.of(.init(rebasing: $0[..<88])) }
            forged.withUnsafeMutableBytes { $0.storeBytes(of: sum.littleEndian, toByteOffset: 88, as: UInt64.self) }
            guard let header = read(forged) else { continue }
            #expect(header.recipe.isSound && header.id < Ledger.idsMax)
            let play = ScriptPlay(Plan(header.recipe, seed: header.seed, id: header.id), seed: seed)
            play.run(steps: 20)
        }
    }
}
