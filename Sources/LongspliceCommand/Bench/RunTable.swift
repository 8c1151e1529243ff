import LoadGenerator

/// A run's result for people: a few lines.
enum RunTable {
    static func text(_ report: RunReport) -> String {
        var rows: [(String, String)] = [
            ("workload", "\(report.settings.recipe.workload.name), seed \(report.settings.seed)"),
            (
                "connections",
                "\(report.opened) opened, \(report.finished) finished in \(Figure.seconds(report.seconds)), "
                    + "\(Figure.count(rate(report.finished, report)))/s"
            ),
            (
                "bytes",
                "\(Figure.bytes(report.bytesUp)) up, \(Figure.bytes(report.bytesDown)) down, "
                    + "\(Figure.bytes(UInt64(rate(report.bytes, report))))/s"
            ),
        ]
        if report.turns > 0 {
            rows.append(("requests", "\(report.turns), \(Figure.count(rate(report.turns, report)))/s"))
        }
        if report.latencies.count > 0 { rows.append(("latency", latency(report))) }
        rows.append(("processor", processor(report)))
        rows.append(("reconciled", reconciled(report)))
        rows.append(("verdict", verdict(report)))
        var lines = rows.map { name, value in name + String(repeating: " ", count: max(1, 13 - name.count)) + value }
        lines += report.violations.prefix(10).map { "  \($0), plan \(report.plan(of: $0.id).ending.name)" }
        if let first = report.violations.first {
            lines.append(
                "  replay: --seed \(report.settings.seed) --only \(first.id), with the other flags as they were")
        }
        return lines.joined(separator: "\n")
    }

    private static func rate(_ count: UInt64, _ report: RunReport) -> Double {
        report.seconds > 0 ? Double(count) / report.seconds : 0
    }

    private static func latency(_ report: RunReport) -> String {
        let figures = Latencies.percentiles.map { percentile in
            "\(percentile.name) \(Figure.micros(report.latencies.nanoseconds(at: percentile.value)))"
        }
        return (figures + ["max \(Figure.micros(report.latencies.maxNanoseconds))"]).joined(separator: ", ")
    }

    private static func processor(_ report: RunReport) -> String {
        var text = "\(Figure.seconds(report.processorSeconds)) here, busiest thread \(Figure.percent(report.busy))"
        if let peer = report.peerBusy { text += "; at the peer \(Figure.percent(peer))" }
        return text
    }

    private static func reconciled(_ report: RunReport) -> String {
        var text = "\(report.reconciledCount) connections"
        if report.unknownAllowed > 0 { text += ", \(report.unknownAllowed) unknown to the peer as planned" }
        if report.resetsBecameFin > 0 { text += ", \(report.resetsBecameFin) with RST that became FIN" }
        return text
    }

    private static func verdict(_ report: RunReport) -> String {
        if let trouble = report.peerTrouble { return "not ok: \(trouble); \(report.violationCount) violations" }
        guard report.violationCount > 0 else { return report.isOK ? "ok" : "not ok: nothing was done" }
        let kinds = Violation.Kind.allCases.filter { report.violationCounts[Int($0.rawValue)] > 0 }
        let counts = kinds.map { "\($0.name) \(report.violationCounts[Int($0.rawValue)])" }
        return "not ok: \(counts.joined(separator: ", "))"
    }
}
