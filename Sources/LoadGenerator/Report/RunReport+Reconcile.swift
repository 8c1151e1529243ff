extension RunReport {
    /// Holds every connection's outcomes against its plan.
    /// - Parameter peers: what the far ends have told; of several, each knows its own connections.
    mutating func reconcile(_ record: RunRecord, _ peers: [PeerReport]) {
        let (first, counts) = record.violations
        violations += (first + peers.flatMap(\.violations)).prefix(RunRecord.violationsMax)
        for counts in [counts] + peers.map(\.violationCounts) {
            for (kind, count) in counts.enumerated() { violationCounts[kind] &+= count }
        }
        for id in 0..<record.idsEnd {
            guard let client = record.ledger[id] else { continue }
            ends[Int(client.end.rawValue)] += 1
            bytesUp &+= client.sent
            bytesDown &+= client.received
            let plan = plan(of: id)
            let reconciliation = Reconciliation(plan, isLenientAboutReset: settings.isLenientAboutReset)
            let peer = peers.lazy.compactMap { $0.outcome(of: id) }.first
            let verdict: Reconciliation.Verdict
            if peers.isEmpty {
                verdict = reconciliation.verdict(client: client)
            } else {
                verdict = reconciliation.verdict(client: client, peer: peer)
                reconciled[Int(plan.ending.rawValue)] += 1
                if peer == nil && verdict.findings.isEmpty && !client.isUnconnected { unknownAllowed += 1 }
            }
            if verdict.resetBecameFin { resetsBecameFin += 1 }
            for finding in verdict.findings { add(violation(finding, id, client: client, peer: peer)) }
        }
    }

    private func violation(_ finding: Reconciliation.Finding, _ id: UInt64, client: Outcome, peer: Outcome?)
        -> Violation
    {
        var violation = Violation(finding.kind, id: id, side: finding.side, direction: finding.side.receives)
        let own = finding.side == .client ? client : peer ?? Outcome()
        (violation.sent, violation.received) = (own.sent, own.received)
        violation.offset = own.received
        return violation
    }

    private mutating func add(_ violation: Violation) {
        violationCounts[Int(violation.kind.rawValue)] += 1
        if violations.count < RunRecord.violationsMax { violations.append(violation) }
    }
}
