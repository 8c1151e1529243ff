import CLinux
import LinuxCalls

/// A run under way: threads that play the client, and at the end the far end's view and the verdict.
package final class Run {
    package let settings: RunSettings
    private let order: Order
    private let record: RunRecord
    private let boards: [LoopBoard]
    private let loops: [RunLoop]
    private var threads: [NamedThread] = []
    private let number = UInt64.random(in: 1...UInt64.max)
    private let startAt = Clock.nowNanoseconds()
    private let processorAtStart = clinux_process_processor_nanoseconds()

    /// What is to be seen while it runs.
    package struct Glance: Sendable {
        package let seconds: Double
        package let opened: UInt64
        package let finished: UInt64
        package let bytes: UInt64
        package let turns: UInt64
        package let violations: UInt64
    }

    /// Starts at once.
    /// - Parameter order: whoever holds it can stop or cut the run.
    package init(_ settings: RunSettings, _ order: Order = Order()) throws(SystemError) {
        self.settings = settings
        self.order = order
        guard let record = RunRecord(seed: settings.seed, run: number) else {
            throw SystemError(Errno.noMemory, in: "calloc")
        }
        self.record = record
        var loops: [RunLoop] = []
        for index in 0..<settings.threads {
            loops.append(
                try RunLoop(settings, RunShare(settings, run: number, index: index), record, order, startAt: startAt))
        }
        self.loops = loops
        boards = loops.map(\.board)
        do throws(SystemError) {
            for (index, loop) in loops.enumerated() {
                // The loop is this thread's alone until it is joined.
                nonisolated(unsafe) let loop = loop
                threads.append(try NamedThread("load-\(index)") { loop.run() })
            }
        } catch {
            order.give(.cut)
            for thread in threads { thread.join() }
            throw error
        }
    }

    package var glance: Glance {
        Glance(
            seconds: Double(Clock.nowNanoseconds() - startAt) / 1e9, opened: sum(.opened), finished: sum(.finished),
            bytes: sum(.bytesSent) &+ sum(.bytesReceived), turns: sum(.turns),
            violations: record.violations.counts.reduce(0, +))
    }

    /// Whether all threads have come to their end.
    package var isDone: Bool { boards.allSatisfy { $0[.hasLeft] != 0 } }

    private func sum(_ word: LoopBoard.Word) -> UInt64 { boards.reduce(0) { $0 &+ $1[word] } }

    // MARK: The end

    /// Waits for the threads, asks the far end, and reconciles.
    package func finish() -> RunReport {
        for thread in threads { thread.join() }
        threads = []
        var report = RunReport(settings)
        let endAt = loops.map(\.endedAt).max() ?? Clock.nowNanoseconds()
        report.seconds = Double(endAt - startAt) / 1e9
        report.processorSeconds = Double(clinux_process_processor_nanoseconds() - processorAtStart) / 1e9
        report.busy = boards.map(\.use.busy).max() ?? 0
        report.wasInterrupted = order.current > .run
        (report.opened, report.finished, report.turns) = (sum(.opened), sum(.finished), sum(.turns))
        report.opensPostponed = sum(.opensPostponed)
        for loop in loops { report.latencies.add(loop.latencies) }
        let peers = askPeers(&report)
        report.reconcile(record, peers)
        return report
    }

    private static let pauseMin: Int64 = 10_000_000
    private static let pauseMax: Int64 = 500_000_000
    private static let asksMax = 16

    /// Asks until no connection is under way any more and every outcome has been told, or patience ends. A target that
    /// spreads connections over several peers is asked several times.
    private func askPeers(_ report: inout RunReport) -> [PeerReport] {
        let deadline = Clock.nowNanoseconds() + Int64(settings.recipe.patienceMillis) * 1_000_000 + 3_000_000_000
        var known: [UInt64: PeerReport] = [:]
        var unanswered = 0
        var pause = Self.pauseMin
        var asked = 0
        while Clock.nowNanoseconds() < deadline, unanswered < Self.asksMax {
            let target = settings.targets[asked % settings.targets.count]
            let source = settings.sources.isEmpty ? nil : settings.sources[asked % settings.sources.count]
            asked += 1
            let patience = min(deadline, Clock.nowNanoseconds() + 10_000_000_000)
            if let answer = ReportCall(settings, run: number, deadline: patience).ask(target, source: source) {
                known[answer.instance] = answer
                let isComplete = known.values.allSatisfy { $0.openCount == 0 }
                let hasAll = isComplete && lacking(known) == 0
                // Another peer may answer at once; connections take their time to end.
                if isComplete { pause = Self.pauseMin }
                if isComplete && (hasAll || asked >= Self.asksMax * settings.targets.count) { break }
            } else {
                unanswered += 1
            }
            Waiter.pause(nanoseconds: pause)
            pause = min(pause * 2, Self.pauseMax)
        }
        tell(known, &report)
        return Array(known.values)
    }

    /// Connections that some peer must know and none does.
    private func lacking(_ known: [UInt64: PeerReport]) -> Int {
        let recipe = settings.wireRecipe
        return (0..<record.idsEnd).count { id in
            guard let client = record.ledger[id], !client.isUnconnected else { return false }
            guard !known.values.contains(where: { $0.outcome(of: id) != nil }) else { return false }
            let plan = Plan(recipe, seed: settings.seed, id: id)
            return !(plan.allowsPrefix && plan.actor == .client)
        }
    }

    private func tell(_ known: [UInt64: PeerReport], _ report: inout RunReport) {
        guard !known.isEmpty else {
            report.peerTrouble = "no report came from the peer"
            return
        }
        let open = known.values.reduce(0) { $0 &+ $1.openCount }
        if open > 0 { report.peerTrouble = "\(open) connections have not ended at the peer" }
        report.strangers = known.values.reduce(0) { $0 &+ $1.strangers }
        report.peerProcessorSeconds = Double(known.values.reduce(0) { $0 &+ $1.processorNanoseconds }) / 1e9
        report.peerBusy = known.values.map { Double($0.busyPermille) / 1_000 }.max()
    }
}
