/// The 96 bytes a connection opens with, little endian.
///
///     0  magic                8   24  connection id      8   40  patience, ms    4   58  run         8
///     8  version              2   32  size               8   44  weights      7 × 2   88  check word  8
///    10  kind                 1
///    11  workload             1                                                   66  zero       22
///    12  flows                1
///    13  exact                1
///    14  zero                 2
///    16  seed                 8
///
/// Both sides are strangers to each other until the last word fits: it is a hash of all others.
package struct Header: BitwiseCopyable, Equatable, Sendable {
    package enum Kind: UInt8, BitwiseCopyable, Sendable {
        /// A stream both ways follows.
        case stream = 1
        /// The peer answers with its outcomes for the seed, and FIN.
        case report = 2
    }

    package static let bytes = 96
    static let magic: UInt64 = 0x4c53_504c_4245_4e43
    static let version: UInt16 = 2

    package var kind: Kind
    package var recipe: Recipe
    package var seed: UInt64
    package var id: UInt64
    /// Drawn anew each time, so that a repeated seed is not taken for the run before.
    package var run: UInt64

    package init(_ kind: Kind, _ recipe: Recipe, seed: UInt64, id: UInt64, run: UInt64 = 0) {
        self.run = run
        self.kind = kind
        self.recipe = recipe
        self.seed = seed
        self.id = id
    }

    /// - Parameter buffer: 96 bytes or more.
    package func write(to buffer: UnsafeMutableRawBufferPointer) {
        var wire = WireWriter(buffer)
        wire.put(Self.magic)
        wire.put(Self.version)
        wire.put(kind.rawValue)
        wire.put(recipe.workload.rawValue)
        wire.put(recipe.flows.rawValue)
        wire.put(UInt8(recipe.isExact ? 1 : 0))
        wire.put(UInt16(0))
        wire.put(seed)
        wire.put(id)
        wire.put(recipe.size)
        wire.put(recipe.patienceMillis)
        for ending in Ending.allCases { wire.put(recipe.mix[ending]) }
        wire.put(run)
        wire.skip(to: Self.bytes - 8)
        wire.put(Checksum.of(UnsafeRawBufferPointer(rebasing: buffer[..<(Self.bytes - 8)])))
    }

    /// Nil for anything that `write` does not make of sound values.
    package init?(_ buffer: UnsafeRawBufferPointer) {
        guard buffer.count >= Self.bytes else { return nil }
        let covered = UnsafeRawBufferPointer(rebasing: buffer[..<(Self.bytes - 8)])
        var wire = WireReader(buffer)
        guard wire.take(UInt64.self) == Self.magic, wire.take(UInt16.self) == Self.version,
            let kind = Kind(rawValue: wire.take(UInt8.self)), let workload = Workload(rawValue: wire.take(UInt8.self)),
            let flows = Recipe.Flows(rawValue: wire.take(UInt8.self))
        else { return nil }
        var recipe = Recipe(workload)
        recipe.flows = flows
        recipe.isExact = wire.take(UInt8.self) != 0
        wire.skip(2)
        let seed = wire.take(UInt64.self)
        let id = wire.take(UInt64.self)
        recipe.size = wire.take(UInt64.self)
        recipe.patienceMillis = wire.take(UInt32.self)
        for ending in Ending.allCases { recipe.mix[ending] = wire.take(UInt16.self) }
        let run = wire.take(UInt64.self)
        wire.skip(Self.bytes - 8 - wire.index)
        guard wire.take(UInt64.self) == Checksum.of(covered), recipe.isSound, id < Ledger.idsMax else { return nil }
        self.init(kind, recipe, seed: seed, id: id, run: run)
    }
}
