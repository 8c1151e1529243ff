import Testing

@testable import ControlPlane

@Suite("Damaged configuration files")
struct MutatedConfigurationTests {
    /// All of them with `-DTORTURE`, a sample otherwise: what is unoptimised takes its time.
    private static var files: Int {
        #if TORTURE
            10_000
        #else
            800
        #endif
    }

    @Test("are read or refused with a line and a column, and never trap", arguments: [1, 2, 3, 4] as [UInt64])
    func mutations(seed: UInt64) {
        var chance = SplitMix(state: seed)
        let example = Array(ConfigurationFile.example.utf8)
        for file in 0..<Self.files / 4 {
            var bytes = example
            for _ in 0...Int.random(in: 0..<4, using: &chance) { Self.damage(&bytes, &chance) }
            for line in problems(bytes: bytes) {
                let parts = line.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
                let isPlace =
                    parts.count == 4 && parts[0] == "f" && (Int(parts[1]) ?? 0) > 0 && (Int(parts[2]) ?? 0) > 0
                #expect(isPlace && line.contains("; ") && !line.contains("\n"), "seed \(seed), file \(file): \(line)")
            }
        }
    }

    private static func damage(_ bytes: inout [UInt8], _ chance: inout SplitMix) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: 0..<bytes.count, using: &chance)
        let end = min(bytes.count, place + Int.random(in: 1...40, using: &chance))
        switch Int.random(in: 0..<9, using: &chance) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &chance)
        case 1: bytes[place] = UInt8.random(in: .min ... .max, using: &chance)
        case 2: bytes.removeSubrange(place..<end)
        case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 4: swapLines(&bytes, &chance)
        case 5: bytes.insert(contentsOf: Array("é\u{2028}😀\u{202E}\u{85}".utf8), at: place)
        case 6:
            let depth = Int.random(in: 1...2_000, using: &chance)
            let opening = Array(
                ["[", "{", "- ", "? ", "a: {", "\n ", "!!x "].randomElement(using: &chance)?.utf8 ?? "".utf8)
            bytes.insert(contentsOf: (0..<depth).flatMap { _ in opening }, at: place)
        case 7: bytes.removeSubrange(place...)
        default:
            let words = [
                "&a ", "*a", "${", "}", "'", "\"", "|", ">", "---\n", "...\n", "%TAG ! x\n", "<<: ", ": ", "\t", "\\0",
            ]
            bytes.insert(contentsOf: Array((words.randomElement(using: &chance) ?? "").utf8), at: place)
        }
    }

    private static func swapLines(_ bytes: inout [UInt8], _ chance: inout SplitMix) {
        var lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
        guard let a = lines.indices.randomElement(using: &chance), let b = lines.indices.randomElement(using: &chance)
        else { return }
        lines.swapAt(a, b)
        bytes = Array(lines.joined(separator: [10]))
    }

    /// SplitMix64 (Steele et al., 2014): the same files for the same seed.
    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
