import ControlPlane
import LinuxCalls
import LoadGenerator

/// This machine, measured: every workload directly, through io_uring and through epoll, all of it verified.
///
/// The far end runs in this process; the relays are child processes, so that what they cost can be told apart.
final class BenchSuite {
    private let signals: BenchSignals
    private let peer: Peer
    private let progress = ProgressLine()
    private let seed = UInt64.random(in: 0...0xffff_ffff)
    private var rows: [SuiteRow] = []
    private var warnings: [String] = []
    private var isAllRight = true
    private var wasInterrupted = false

    private enum Path {
        case direct
        case relay(RelayChild)
        case trouble(engine: String, String)

        var name: String {
            switch self {
            case .direct: "direct"
            case .relay(let child): child.engine
            case .trouble(let engine, _): engine
            }
        }
    }

    init() throws(Refusal) {
        signals = try BenchSignals()
        peer = try BenchPlaces.failing("the far end cannot listen") { () throws(SystemError) in
            guard let loopback = SocketAddress(numeric: "127.0.0.1", port: 0) else {
                throw SystemError(Errno.invalid, in: "inet_pton")
            }
            return try Peer([loopback], threads: 1)
        }
    }

    /// Returns the exit status: 0 when everything was done and verified.
    func run() throws(Refusal) -> Int32 {
        let paths = [Path.direct, path("uring"), path("epoll")]
        let count = SuiteStep.all.count * paths.count
        for (index, step) in SuiteStep.all.enumerated() {
            for (place, path) in paths.enumerated() where !wasInterrupted {
                try measure(
                    step, path, title: "\(index * paths.count + place + 1)/\(count) \(step.workload.name), \(path.name)"
                )
            }
        }
        progress.clear()
        print(SuiteTable.text(rows))
        for warning in warnings { StandardError.shared.write("longsplice: warning: \(warning)") }
        if wasInterrupted { StandardError.shared.write("longsplice: interrupted; the table is not complete") }
        return isAllRight && !wasInterrupted ? 0 : 1
    }

    private func path(_ engine: String) -> Path {
        do throws(RelayTrouble) {
            return .relay(try RelayChild(engine: engine, upstream: peer.addresses[0]))
        } catch {
            return .trouble(engine: engine, error.sentence)
        }
    }

    private func measure(_ step: SuiteStep, _ path: Path, title: String) throws(Refusal) {
        progress.begin(title)
        switch path {
        case .direct: try measure(step, peer.addresses[0], title, path.name, nil)
        case .relay(let child): try measure(step, child.address, title, path.name, child)
        // A machine without io_uring is no failure of what was measured.
        case .trouble(let engine, let sentence): rows.append(SuiteRow(step.workload, path: engine, trouble: sentence))
        }
    }

    private func measure(
        _ step: SuiteStep, _ target: SocketAddress, _ title: String, _ path: String, _ child: RelayChild?
    )
        throws(Refusal)
    {
        let before = child?.processorSeconds
        let progress = progress
        let report = try BenchWatch.run(step.settings(target, seed: seed), signals) { glance in
            let rate = Figure.bytes(UInt64(Double(glance.bytes) / max(glance.seconds, 0.001)))
            progress.update("\(title): \(Figure.seconds(glance.seconds)), \(glance.finished) finished, \(rate)/s")
        }
        let cost = before.flatMap { before in child.map { $0.processorSeconds - before } }
        rows.append(SuiteRow(report, path: path, relaySeconds: cost))
        wasInterrupted = report.wasInterrupted
        if !report.isOK { isAllRight = false }
        warnings += report.warnings.map { "\(step.workload.name), \(path): \($0)" }
    }
}
