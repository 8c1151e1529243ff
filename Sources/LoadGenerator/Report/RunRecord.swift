import CLinux

/// All that one side keeps of one run: outcomes, the first violations, and how many connections are still open.
package final class RunRecord: @unchecked Sendable {
    package let seed: UInt64
    private let run: UInt64
    package let ledger: Ledger
    private let state = Guarded(State())
    private let openWord: UnsafeMutablePointer<Int64>

    private struct State {
        var violations: [Violation] = []
        var violationCounts = [UInt64](repeating: 0, count: Violation.Kind.allCases.count)
        var idsEnd: UInt64 = 0
        var usesAtStart: [LoopUse] = []
    }

    /// More are counted, not kept.
    package static let violationsMax = 100

    /// Nil where there is no memory.
    package init?(seed: UInt64, run: UInt64) {
        guard let ledger = Ledger() else { return nil }
        self.seed = seed
        self.run = run
        self.ledger = ledger
        openWord = .allocate(capacity: 1)
        openWord.initialize(to: 0)
    }

    deinit { openWord.deallocate() }

    /// Connections whose header was seen or sent and which have not ended.
    package var openCount: Int64 { clinux_add(openWord, 0) }

    /// One more than the highest connection that was ever open.
    package var idsEnd: UInt64 { state.withLock { $0.idsEnd } }

    func opened(_ id: UInt64) {
        _ = clinux_add(openWord, 1)
        state.withLock { $0.idsEnd = max($0.idsEnd, id + 1) }
    }

    /// The outcome first, so that whoever sees no connection open sees all outcomes.
    func ended(_ id: UInt64, _ outcome: Outcome) -> Bool {
        defer { _ = clinux_add(openWord, -1) }
        return ledger.record(id, outcome)
    }

    /// What each of the peer's loops had used when the run began; the first one to say so counts.
    func begin(_ uses: [LoopUse]) { state.withLock { if $0.usesAtStart.isEmpty { $0.usesAtStart = uses } } }

    /// What a loop has used since then.
    func use(of board: LoopBoard, at index: Int) -> LoopUse {
        let start = state.withLock { index < $0.usesAtStart.count ? $0.usesAtStart[index] : board.use }
        return board.use.since(start)
    }

    package func add(_ violation: Violation) {
        state.withLock {
            $0.violationCounts[Int(violation.kind.rawValue)] += 1
            if $0.violations.count < Self.violationsMax { $0.violations.append(violation) }
        }
    }

    package func isOf(_ header: Header) -> Bool { header.seed == seed && header.run == run }

    /// The first ones, and how many there were of each kind.
    package var violations: (first: [Violation], counts: [UInt64]) {
        state.withLock { ($0.violations, $0.violationCounts) }
    }
}
