import Testing

@testable import LoadGenerator

@Suite("Reconciliation")
struct ReconciliationTests {
    private static let total: UInt64 = 100

    /// An end, and whether all bytes were there before it. `failed` is told by a violation of its own.
    private struct Sight: Hashable {
        let end: Outcome.End
        let isWhole: Bool
    }

    private static let sights = Outcome.End.allCases.filter { $0 != .failed }.flatMap {
        [Sight(end: $0, isWhole: true), Sight(end: $0, isWhole: false)]
    }

    /// The table of what each side may see, written down apart from the code under test.
    private func allowed(_ ending: Ending, isActor: Bool, isLenient: Bool) -> Set<Sight> {
        func sights(_ ends: [Outcome.End], partial: Bool) -> Set<Sight> {
            Set(
                ends.flatMap { end in
                    [Sight(end: end, isWhole: true)] + (partial ? [Sight(end: end, isWhole: false)] : [])
                })
        }
        switch (ending, isActor) {
        case (.finEarly, _), (.finLate, _), (.both, _): return sights([.fin], partial: false)
        case (.resetIdle, true): return sights([.open], partial: false)
        case (.resetIdle, false): return sights(isLenient ? [.reset, .fin, .finThenReset] : [.reset], partial: false)
        case (.resetMid, true), (.closeMid, true): return sights([.open], partial: true)
        case (.resetMid, false): return sights(isLenient ? [.reset, .fin, .finThenReset] : [.reset], partial: true)
        case (.closeMid, false): return sights([.fin, .reset, .finThenReset], partial: true)
        case (.silence, _): return sights([.open, .fin, .reset, .finThenReset], partial: false)
        }
    }

    private func plan(_ ending: Ending, _ actor: Side) -> Plan {
        var plan = Plan()
        (plan.up, plan.down) = (Self.total, Self.total)
        (plan.ending, plan.actor, plan.cut) = (ending, actor, 60)
        return plan
    }

    private func outcome(_ sight: Sight) -> Outcome {
        var outcome = Outcome()
        outcome.sent = Self.total
        outcome.received = sight.isWhole ? Self.total : 40
        outcome.end = sight.end
        return outcome
    }

    @Test("accepts what the table of endings allows, and nothing else", arguments: Ending.allCases)
    func table(ending: Ending) {
        for actor in Side.allCases {
            for isLenient in [false, true] {
                let reconciliation = Reconciliation(plan(ending, actor), isLenientAboutReset: isLenient)
                let client = allowed(ending, isActor: actor == .client, isLenient: isLenient)
                let peer = allowed(ending, isActor: actor == .peer, isLenient: isLenient)
                for seenByClient in Self.sights {
                    for seenByPeer in Self.sights {
                        let verdict = reconciliation.verdict(client: outcome(seenByClient), peer: outcome(seenByPeer))
                        let sides = Set(verdict.findings.map(\.side))
                        #expect(
                            sides.contains(.client) == !client.contains(seenByClient),
                            "\(ending), actor \(actor), client sees \(seenByClient)")
                        #expect(
                            sides.contains(.peer) == !peer.contains(seenByPeer),
                            "\(ending), actor \(actor), peer sees \(seenByPeer)")
                    }
                }
            }
        }
    }

    @Test("names each misdeed")
    func names() {
        func kinds(_ ending: Ending, _ actor: Side, client: Sight, peer: Sight) -> [Violation.Kind] {
            Reconciliation(plan(ending, actor), isLenientAboutReset: false)
                .verdict(client: outcome(client), peer: outcome(peer)).findings.map(\.kind)
        }
        let good = Sight(end: .fin, isWhole: true)
        let gone = Sight(end: .open, isWhole: true)
        #expect(kinds(.both, .client, client: good, peer: good) == [])
        #expect(kinds(.both, .client, client: Sight(end: .fin, isWhole: false), peer: good) == [.missingBytes])
        #expect(kinds(.both, .client, client: Sight(end: .reset, isWhole: true), peer: good) == [.resetInsteadOfFin])
        #expect(kinds(.both, .client, client: Sight(end: .reset, isWhole: false), peer: good) == [.bytesLostAtReset])
        #expect(kinds(.both, .client, client: Sight(end: .finThenReset, isWhole: true), peer: good) == [.resetAfterFin])
        #expect(kinds(.resetIdle, .client, client: gone, peer: good) == [.finInsteadOfReset])
        #expect(
            kinds(.resetIdle, .client, client: gone, peer: Sight(end: .reset, isWhole: false)) == [.bytesLostAtReset])
        #expect(kinds(.resetMid, .peer, client: Sight(end: .fin, isWhole: false), peer: gone) == [.finInsteadOfReset])
        #expect(
            kinds(
                .resetMid, .peer, client: Sight(end: .reset, isWhole: false), peer: Sight(end: .reset, isWhole: false))
                == [.unexpectedReset])
    }

    @Test("lets the peer not know a connection only where the client may have gone before its header")
    func unknown() {
        for ending in Ending.allCases {
            for actor in Side.allCases {
                let verdict = Reconciliation(plan(ending, actor), isLenientAboutReset: false)
                    .verdict(client: outcome(Sight(end: .open, isWhole: true)), peer: nil)
                let isAllowed = actor == .client && (ending == .resetMid || ending == .closeMid)
                #expect(verdict.findings.isEmpty == isAllowed, "\(ending) by the \(actor)")
                if !isAllowed { #expect(verdict.findings.map(\.kind) == [.unknownToPeer]) }
            }
        }
    }

    @Test("sees that more arrived than was sent")
    func counts() {
        var client = outcome(Sight(end: .fin, isWhole: true))
        client.sent = 60
        let verdict = Reconciliation(plan(.both, .client), isLenientAboutReset: false)
            .verdict(client: client, peer: outcome(Sight(end: .fin, isWhole: true)))
        #expect(verdict.findings.map(\.kind) == [.countsDisagree])
    }

    @Test("of an endless stream wants all that was sent")
    func endless() {
        let plan = Plan(Recipe(.bulk), seed: 1, id: 0)
        var client = outcome(Sight(end: .fin, isWhole: true))
        let peer = outcome(Sight(end: .fin, isWhole: true))
        let reconciliation = Reconciliation(plan, isLenientAboutReset: false)
        #expect(reconciliation.verdict(client: client, peer: peer).findings.isEmpty)
        client.sent = 101
        #expect(reconciliation.verdict(client: client, peer: peer).findings.map(\.kind) == [.missingBytes])
    }

    @Test("is silent where a violation has been told already")
    func broken() {
        var client = outcome(Sight(end: .open, isWhole: false))
        client.isDamaged = true
        let verdict = Reconciliation(plan(.both, .client), isLenientAboutReset: false)
            .verdict(client: client, peer: outcome(Sight(end: .reset, isWhole: false)))
        #expect(verdict.findings.isEmpty)
    }

    @Test("excuses UNIX sockets, which know no RST")
    func local() {
        var peer = outcome(Sight(end: .fin, isWhole: true))
        peer.isLocal = true
        let verdict = Reconciliation(plan(.resetIdle, .client), isLenientAboutReset: false)
            .verdict(client: outcome(Sight(end: .open, isWhole: true)), peer: peer)
        #expect(verdict.findings.isEmpty && verdict.resetBecameFin)
    }
}
