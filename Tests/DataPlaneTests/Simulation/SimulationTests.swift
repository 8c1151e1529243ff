import LinuxCalls
import Testing

@testable import DataPlane

@Suite("A worker over a simulated kernel")
struct SimulationTests {
    /// What one run has come to.
    struct Outcome {
        var operations = 0
        var problems: [String] = []
        var injected: [String: Int] = [:]
        var totals: [Counter: UInt64] = [:]
    }

    /// Runs a worker until so many clients have come and gone and it has drained.
    static func run(
        seed: UInt64, _ faults: FaultPlan, clients: Int, atOnce: Int = 24, descriptorsMax: Int = .max,
        relay: RelayPolicy? = nil, bufferCount: Int = 256
    ) throws -> Outcome {
        let kernel = SimulatedKernel(seed: seed, faults)
        kernel.clientsWanted = clients
        kernel.clientsAtOnce = atOnce
        kernel.descriptorsMax = descriptorsMax
        var settings = WorkerSettings(
            target: .upstreams((1...3).compactMap { SocketAddress(numeric: "127.0.0.1", port: UInt16($0)) }))
        settings.connectionsMax = atOnce * 2
        settings.pipeBytes = 65_536
        settings.chunkBytes = 65_536
        settings.relay = .restless(relay ?? RelayPolicy.allCases[Int(seed % 3)])
        settings.timeouts.idleMillis = .max / 4
        settings.timeouts.finMillis = .max / 4
        let records = RecordQueue(try OutBell())
        let addresses = ClientTable(connectionsMax: clients, clients: 10)
        settings.records = records
        settings.clients = addresses
        let control = try WorkerControl(board: CounterBoard(upstreamCount: 3))
        let connections = ConnectionCount()
        var worker = Worker(
            engine: SimulatedEngine(kernel: kernel, bufferCount: bufferCount), settings: settings, control: control,
            connections: connections)
        worker.start([(socket: kernel.makeListener(), isTCP: true)])

        var turnsLeft = 20_000 + clients * 400
        while kernel.isBusy && turnsLeft > 0 && kernel.breaches.isEmpty && kernel.violations.isEmpty {
            worker.turn()
            turnsLeft -= 1
        }
        var outcome = Outcome()
        outcome.problems = kernel.breaches + kernel.violations + kernel.unfinished.prefix(3)
        if !kernel.violations.isEmpty { outcome.problems = kernel.breaches + kernel.violations }
        if outcome.problems.isEmpty {
            control.give(.drain)
            kernel.rungBells.insert(control.bell)
            for _ in 0..<20_000 where !worker.isDone { worker.turn() }
            outcome.problems = leftovers(kernel, worker.isDone, worker.table.count, worker.pipes.borrowed, connections)
            if worker.buffers.filled != 0 { outcome.problems.append("\(worker.buffers.filled) buffers are lent") }
        }
        if outcome.problems.isEmpty {
            outcome.problems = misrecorded(records, worker.counters)
            if addresses.clientCount != 0 { outcome.problems.append("a client's place was not given back") }
        }
        outcome.operations = kernel.operations
        outcome.injected = kernel.injected
        for counter in Counter.allCases { outcome.totals[counter] = worker.counters[counter] }
        return outcome
    }

    static func leftovers(
        _ kernel: SimulatedKernel, _ isDone: Bool, _ active: Int, _ borrowed: Int, _ connections: ConnectionCount
    ) -> [String] {
        var problems = kernel.breaches
        if !isDone { problems.append("the worker does not leave") }
        if active != 0 { problems.append("\(active) knots are left") }
        if borrowed != 0 { problems.append("\(borrowed) pipes are lent") }
        if connections.current != 0 { problems.append("\(connections.current) connections are counted") }
        return problems
    }

    /// One record for each connection, and in all of them together every byte.
    static func misrecorded(_ records: RecordQueue, _ counters: borrowing Counters) -> [String] {
        var problems: [String] = []
        var (up, down) = (UInt64(0), UInt64(0))
        let count = records.take(atMost: .max) {
            up += $0.bytesUp
            down += $0.bytesDown
            if $0.bytesDown > 0 && $0.firstByteMillis < 0 { problems.append("bytes came down, and none was the first") }
            if $0.end == .fin && $0.connectMillis < 0 { problems.append("a pair has ended that was never tied") }
        }
        if count != Int(counters[.accepted]) { problems.append("\(count) records of \(counters[.accepted])") }
        if up != counters[.bytesUp] || down != counters[.bytesDown] {
            problems.append("\(up) and \(down) bytes recorded of \(counters[.bytesUp]) and \(counters[.bytesDown])")
        }
        return problems
    }

    /// Nothing lost, nothing leaked, and the counters add up.
    private func expectClean(_ outcome: Outcome, seed: UInt64, clients: Int) {
        #expect(outcome.problems == [], "seed \(seed)")
        let totals = outcome.totals
        #expect(totals[.accepted] == totals[.closed], "seed \(seed)")
        #expect(totals[.accepted] == UInt64(clients), "seed \(seed)")
        #expect(totals[.completionsUnexpected] == 0 && totals[.completionsStale] == 0, "seed \(seed)")
    }

    /// More of them with `-DTORTURE`.
    static var seeds: ClosedRange<UInt64> {
        #if TORTURE
            1...6
        #else
            1...4
        #endif
    }

    @Test("without faults loses no byte and invents no end", arguments: seeds)
    func noFaults(seed: UInt64) throws {
        let outcome = try Self.run(seed: seed, FaultPlan(), clients: 300)
        expectClean(outcome, seed: seed, clients: 300)
        #expect(outcome.totals[.systemFailure] == 0, "seed \(seed)")
    }

    @Test("under every fault that a connection survives, all connections survive", arguments: seeds)
    func benign(seed: UInt64) throws {
        let outcome = try Self.run(seed: seed, .benign, clients: 300)
        expectClean(outcome, seed: seed, clients: 300)
        #expect(outcome.totals[.systemFailure] == 0, "seed \(seed)")
        #expect(outcome.injected.count > 15, "seed \(seed): \(outcome.injected)")
    }

    @Test("under faults that end connections, what arrives is an exact prefix and then RST", arguments: seeds)
    func severe(seed: UInt64) throws {
        let outcome = try Self.run(seed: seed, .severe, clients: 300)
        expectClean(outcome, seed: seed, clients: 300)
    }

    @Test("with too few descriptors serves some, resets some, and goes on with whoever is left", arguments: seeds)
    func shortOfDescriptors(seed: UInt64) throws {
        let outcome = try Self.run(seed: seed, FaultPlan(), clients: 300, descriptorsMax: 20)
        expectClean(outcome, seed: seed, clients: 300)
        let totals = outcome.totals
        let shortages = totals[.acceptShortOfDescriptors, default: 0] + totals[.connectShortOfDescriptors, default: 0]
        #expect(shortages > 0, "seed \(seed)")
        // Once the shortage is known, clients wait in the accept queue.
        #expect(totals[.cutForShortage, default: 0] < 30, "seed \(seed)")
        #expect(totals[.bytesCopied, default: 0] > 0, "seed \(seed)")
        #expect(totals[.finished, default: 0] > 100, "seed \(seed): \(totals)")
        #expect(totals[.systemFailure] == 0, "seed \(seed)")
    }

    @Test("with hardly a buffer carries bytes without one, and changes its ways under way", arguments: seeds)
    func shortOfBuffers(seed: UInt64) throws {
        let outcome = try Self.run(seed: seed, FaultPlan(), clients: 300, relay: .adaptive, bufferCount: 3)
        expectClean(outcome, seed: seed, clients: 300)
        let totals = outcome.totals
        #expect(totals[.bytesCarried, default: 0] > 0, "seed \(seed)")
        #expect(totals[.receivesUnbuffered, default: 0] > 0, "seed \(seed)")
        #expect(totals[.systemFailure] == 0, "seed \(seed)")
    }

    @Test("changes between copying and splicing in the middle of streams, exactly", arguments: seeds)
    func changes(seed: UInt64) throws {
        let outcome = try Self.run(seed: seed, .benign, clients: 300, relay: .adaptive)
        expectClean(outcome, seed: seed, clients: 300)
        let totals = outcome.totals
        #expect(totals[.promotions, default: 0] > 50, "seed \(seed)")
        #expect(totals[.demotionsSmall, default: 0] > 20, "seed \(seed)")
        #expect(totals[.probesHit, default: 0] > 0, "seed \(seed)")
        #expect(totals[.lowWaterRaised, default: 0] > 0, "seed \(seed)")
    }

    /// Operations of the long run: all of them with `-DTORTURE`, a sample otherwise.
    private static var operationsWanted: Int {
        #if TORTURE
            10_000_000
        #else
            200_000
        #endif
    }

    @Test("keeps the ledger clean over a long run, a new seed each time")
    func longRun() throws {
        var operations = 0
        var seed: UInt64 = 1_000
        var waits: UInt64 = 0
        while operations < Self.operationsWanted {
            let plan = seed % 2 == 0 ? FaultPlan.benign : .severe
            let outcome = try Self.run(seed: seed, plan, clients: 400, atOnce: 8 + Int(seed % 5) * 16)
            expectClean(outcome, seed: seed, clients: 400)
            if !outcome.problems.isEmpty { break }
            operations += outcome.operations
            waits += outcome.totals[.lowWaterWaits, default: 0]
            seed += 1
        }
        #expect(waits > 0)
        print("\(operations) operations, seeds 1000 to \(seed - 1)")
    }
}
