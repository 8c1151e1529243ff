/// What a peer tells about one run: counts, the first violations, and an outcome for each connection.
///
///     80 bytes of counts, 8 for each kind of violation, 16 for each connection below `idsEnd`, 64 for each violation kept,
///     and a check word of 8
package struct PeerReport: Sendable {
    package let instance: UInt64
    package let seed: UInt64
    /// Connections that have not ended yet: the report is not complete.
    package let openCount: UInt64
    package let idsEnd: UInt64
    /// Connections of all times that brought no sound header.
    package let strangers: UInt64
    /// Since the run began here.
    package let processorNanoseconds: UInt64
    /// Of the busiest thread, since the run began here.
    package let busyPermille: UInt64
    package let violationCounts: [UInt64]
    package let violations: [Violation]
    /// Two words for each connection; empty where the report was made and not read.
    private let words: [UInt64]

    static let magic: UInt64 = 0x4c53_504c_5245_504f
    private static let headWords = 10
    private static let kinds = Violation.Kind.allCases.count

    private static func bytes(ids: UInt64, violations: Int) -> Int {
        (headWords + kinds + Int(ids) * 2 + 1) * 8 + violations * Violation.wireBytes
    }

    /// Of a run as it stands; `record` is nil where the peer never heard of it.
    init(_ record: RunRecord?, seed: UInt64, instance: UInt64, boards: [LoopBoard]) {
        self.instance = instance
        self.seed = seed
        // Open ones first: an outcome that is not there yet then belongs to one that was counted.
        openCount = UInt64(max(0, record?.openCount ?? 0))
        idsEnd = record?.idsEnd ?? 0
        strangers = boards.reduce(0) { $0 &+ $1[.strangers] }
        (violations, violationCounts) = record?.violations ?? ([], [UInt64](repeating: 0, count: Self.kinds))
        let uses = boards.enumerated().map { record?.use(of: $0.element, at: $0.offset) ?? LoopUse() }
        processorNanoseconds = uses.reduce(0) { $0 &+ $1.processorNanoseconds }
        busyPermille = UInt64(uses.map { $0.busy * 1_000 }.max() ?? 0)
        words = []
    }

    package func outcome(of id: UInt64) -> Outcome? {
        guard id < idsEnd, Int(id) * 2 + 1 < words.count else { return nil }
        return Outcome(words: (words[Int(id) * 2], words[Int(id) * 2 + 1]))
    }

    func encoded(_ ledger: Ledger?) -> [UInt8] {
        let count = Self.bytes(ids: idsEnd, violations: violations.count)
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            var wire = WireWriter(raw)
            let head = [
                Self.magic, instance, seed, openCount, idsEnd, strangers, processorNanoseconds, busyPermille,
                UInt64(violations.count), 0,
            ]
            for word in head + violationCounts { wire.put(word) }
            for id in 0..<idsEnd {
                let (first, second) = ledger?.rawWords(of: id) ?? (0, 0)
                wire.put(first)
                wire.put(second)
            }
            for violation in violations { violation.write(to: &wire) }
            wire.put(Checksum.of(UnsafeRawBufferPointer(rebasing: raw[..<(count - 8)])))
            filled = count
        }
    }

    /// Nil for anything but a whole report.
    package init?(_ bytes: [UInt8]) {
        guard let read = bytes.withUnsafeBytes({ Self.read($0) }) else { return nil }
        self = read
    }

    /// How long a report is whose head this is; nil where it is none, or not all there.
    static func wholeBytes(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var wire = WireReader(bytes)
        let head = (0..<headWords).map { _ in wire.take(UInt64.self) }
        let (ids, kept) = (head[4], head[8])
        guard head[0] == magic, ids <= Ledger.idsMax, kept <= UInt64(RunRecord.violationsMax) else { return nil }
        return self.bytes(ids: ids, violations: Int(kept))
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) -> PeerReport? {
        guard let count = wholeBytes(bytes), bytes.count == count else { return nil }
        var wire = WireReader(bytes)
        let head = (0..<headWords).map { _ in wire.take(UInt64.self) }
        let (ids, kept) = (head[4], head[8])
        let counts = (0..<kinds).map { _ in wire.take(UInt64.self) }
        let words = (0..<(Int(ids) * 2)).map { _ in wire.take(UInt64.self) }
        let violations = (0..<Int(kept)).compactMap { _ in Violation(from: &wire) }
        let sum = Checksum.of(UnsafeRawBufferPointer(rebasing: bytes[..<(count - 8)]))
        guard violations.count == Int(kept), wire.take(UInt64.self) == sum else { return nil }
        return PeerReport(head, counts, words, violations)
    }

    private init(_ head: [UInt64], _ counts: [UInt64], _ words: [UInt64], _ violations: [Violation]) {
        (instance, seed, openCount, idsEnd, strangers) = (head[1], head[2], head[3], head[4], head[5])
        (processorNanoseconds, busyPermille) = (head[6], head[7])
        violationCounts = counts
        self.words = words
        self.violations = violations
    }
}
