/// The runs a peer has met. All of its loops share them.
final class PeerRecords: Sendable {
    /// Tells peers apart where a target spreads its connections over several.
    let instance: UInt64
    private let records = Guarded<[RunRecord]>([])

    /// The oldest run that is over makes way for a new one. A record's memory is touched only as far as it is used.
    static let runsMax = 16

    init() { instance = UInt64.random(in: 1...UInt64.max) }

    func find(_ header: Header) -> RunRecord? { records.withLock { Self.known(header, in: $0) } }

    /// Nil where too many runs are under way, or for want of memory.
    func findOrMake(_ header: Header) -> RunRecord? {
        records.withLock { records in
            if let known = Self.known(header, in: records) { return known }
            if records.count >= Self.runsMax {
                guard let over = records.firstIndex(where: { $0.openCount == 0 }) else { return nil }
                records.remove(at: over)
            }
            guard let made = RunRecord(seed: header.seed, run: header.run) else { return nil }
            records.append(made)
            return made
        }
    }

    private static func known(_ header: Header, in records: [RunRecord]) -> RunRecord? {
        records.first { $0.isOf(header) }
    }
}
