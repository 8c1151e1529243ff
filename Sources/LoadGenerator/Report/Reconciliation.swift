/// What a plan allows, held against what both sides have seen. Pure.
package struct Reconciliation: Sendable {
    package let plan: Plan
    package let isLenientAboutReset: Bool

    package init(_ plan: Plan, isLenientAboutReset: Bool) {
        self.plan = plan
        self.isLenientAboutReset = isLenientAboutReset
    }

    /// Something that the plan does not allow.
    package struct Finding: Equatable, Sendable {
        package let kind: Violation.Kind
        /// Who saw it.
        package let side: Side
    }

    package struct Verdict: Equatable, Sendable {
        package var findings: [Finding] = []
        /// RST arrived as FIN, which was allowed.
        package var resetBecameFin = false

        package init() {}
    }

    /// - Parameter peer: nil where the peer never saw the connection's header.
    package func verdict(client: Outcome, peer: Outcome?) -> Verdict {
        var verdict = Verdict()
        // What broke off by itself has been told already, and what the other side then saw is no news.
        if client.isUnconnected || isBroken(client) || peer.map(isBroken) ?? false { return verdict }
        guard let peer else {
            if !mayBeUnknown(client) { verdict.findings.append(Finding(kind: .unknownToPeer, side: .peer)) }
            return verdict
        }
        judge(.client, sees: client, of: peer, &verdict)
        judge(.peer, sees: peer, of: client, &verdict)
        return verdict
    }

    /// What the client's sight alone gives away, where the peer cannot be heard.
    package func verdict(client: Outcome) -> Verdict {
        var verdict = Verdict()
        if client.isUnconnected || isBroken(client) { return verdict }
        var peer = Outcome()
        peer.sent = plan.isEndless ? client.received : plan.down
        judge(.client, sees: client, of: peer, &verdict)
        return verdict
    }

    private func isBroken(_ outcome: Outcome) -> Bool { outcome.isDamaged || outcome.isStuck || outcome.end == .failed }

    /// The client may have gone before its header could come through.
    private func mayBeUnknown(_ client: Outcome) -> Bool { plan.allowsPrefix && plan.actor == .client }

    private func judge(_ side: Side, sees own: Outcome, of other: Outcome, _ verdict: inout Verdict) {
        func find(_ kind: Violation.Kind) { verdict.findings.append(Finding(kind: kind, side: side)) }
        if own.received > other.sent { find(.countsDisagree) }
        let isWhole = own.received == (plan.isEndless ? other.sent : plan.bytes(side.receives))
        switch plan.ending {
        case .finEarly, .finLate, .both: judgeFin(own, isWhole: isWhole, find)
        case .silence: if !isWhole { find(own.end == .reset ? .bytesLostAtReset : .missingBytes) }
        case .resetIdle, .resetMid, .closeMid:
            guard plan.actor != side else { return judgeActor(own, isWhole: isWhole, find) }
            // FIN, or RST where bytes were under way to the one who has gone.
            if plan.ending == .closeMid { return own.end == .open ? find(.failed) : () }
            let mustBeWhole = plan.ending == .resetIdle
            let isExcused = isLenientAboutReset || own.isLocal || other.isLocal
            let becameFin = judgeReset(own, isWhole: isWhole || !mustBeWhole, isExcused: isExcused, find)
            if becameFin { verdict.resetBecameFin = true }
        }
    }

    private func judgeFin(_ own: Outcome, isWhole: Bool, _ find: (Violation.Kind) -> Void) {
        switch own.end {
        case .fin: if !isWhole { find(.missingBytes) }
        case .reset: find(isWhole ? .resetInsteadOfFin : .bytesLostAtReset)
        case .finThenReset: find(.resetAfterFin)
        case .open, .failed: find(.failed)
        }
    }

    /// Nobody ends before the actor does.
    private func judgeActor(_ own: Outcome, isWhole: Bool, _ find: (Violation.Kind) -> Void) {
        switch own.end {
        case .open: if plan.ending == .resetIdle && !isWhole { find(.missingBytes) }
        case .fin, .finThenReset: find(.unexpectedFin)
        case .reset: find(.unexpectedReset)
        case .failed: find(.failed)
        }
    }

    /// The side that is to see RST. True where FIN came instead and is excused.
    private func judgeReset(
        _ own: Outcome, isWhole: Bool, isExcused: Bool, _ find: (Violation.Kind) -> Void
    ) -> Bool {
        switch own.end {
        case .reset: if !isWhole { find(.bytesLostAtReset) }
        case .fin where !isWhole, .finThenReset where !isWhole: find(.missingBytes)
        case .fin where isExcused, .finThenReset where isExcused: return true
        case .fin, .finThenReset: find(.finInsteadOfReset)
        case .open, .failed: find(.failed)
        }
        return false
    }
}
