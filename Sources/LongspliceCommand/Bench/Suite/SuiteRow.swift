import LoadGenerator

/// One line of the suite's table.
struct SuiteRow {
    let workload: Workload
    let path: String
    let result: String
    let latency: String
    let cost: String
    let verdict: String

    static let heading = SuiteRow(
        "workload", path: "path", result: "result", latency: "latency p50 / p99", cost: "relay processor time",
        verdict: "verified")

    private let name: String

    private init(_ name: String, path: String, result: String, latency: String, cost: String, verdict: String) {
        self.name = name
        workload = .ledger
        (self.path, self.result, self.latency, self.cost, self.verdict) = (path, result, latency, cost, verdict)
    }

    /// - Parameter relaySeconds: processor time of the relay, nil where there is none.
    init(_ report: RunReport, path: String, relaySeconds: Double?) {
        workload = report.settings.recipe.workload
        name = workload.name
        self.path = path
        result = Self.result(report)
        latency = Self.latency(report)
        cost = relaySeconds.map { Self.cost($0, report) } ?? "–"
        verdict =
            report.isOK
            ? "yes" : "NO: \(report.peerTrouble ?? report.violations.first.map { "\($0)" } ?? "nothing was done")"
    }

    /// Of a relay that does not serve.
    init(_ workload: Workload, path: String, trouble: String) {
        self.workload = workload
        name = workload.name
        (self.path, result, latency, cost, verdict) = (path, "does not work here", "–", "–", trouble)
    }

    var cells: [String] { [name, path, result, latency, cost, verdict] }

    private static func result(_ report: RunReport) -> String {
        let seconds = max(report.seconds, 1e-9)
        switch report.settings.recipe.workload {
        case .ledger:
            return
                "\(Figure.bytes(UInt64(Double(report.bytes) / seconds)))/s, \(Figure.count(Double(report.finished) / seconds)) conn/s"
        case .bulk: return "\(Figure.bytes(UInt64(Double(report.bytes) / seconds)))/s"
        case .pingpong: return "\(Figure.count(Double(report.turns) / seconds)) requests/s"
        case .churn: return "\(Figure.count(Double(report.finished) / seconds)) conn/s"
        case .idle: return "\(report.opened) held"
        }
    }

    private static func latency(_ report: RunReport) -> String {
        switch report.settings.recipe.workload {
        case .pingpong, .churn:
            "\(Figure.micros(report.latencies.nanoseconds(at: 50))) / \(Figure.micros(report.latencies.nanoseconds(at: 99)))"
        case .ledger, .bulk, .idle: "–"
        }
    }

    private static func cost(_ seconds: Double, _ report: RunReport) -> String {
        switch report.settings.recipe.workload {
        case .ledger, .bulk: "\(Figure.seconds(seconds / max(Double(report.bytes) / 1e9, 1e-9)))/GB"
        case .pingpong: "\(Figure.micros(UInt64(seconds * 1e9 / Double(max(report.turns, 1)))))/request"
        case .churn: "\(Figure.micros(UInt64(seconds * 1e9 / Double(max(report.finished, 1)))))/connection"
        case .idle: "\(Figure.percent(seconds / max(report.seconds, 1e-9))) of one"
        }
    }
}
