import LinuxCalls
import Testing

@testable import DataPlane

/// Two workers over one simulated kernel: descriptors are the process's, intents and answers are each worker's own.
@Suite("Two workers of a group over a simulated kernel")
struct GroupSimulationTests {
    struct Plan {
        var faults = FaultPlan()
        var clients = 300
        var atOnce = 24
        var descriptorsMax = Int.max
        /// Whether both have a listener; otherwise one of them accepts for both.
        var bothListen = true
        /// The second one is told to drain as soon as so many clients have come, in the middle of everything, and the first one
        /// some clients later.
        var drainAfter: Int?
    }

    struct Outcome {
        var problems: [String] = []
        var clients = 0
        /// Of both workers together, and of each.
        var totals: [Counter: UInt64] = [:]
        var accepted: [UInt64] = []
    }

    static func run(seed: UInt64, _ plan: Plan) throws -> Outcome {
        let kernel = SimulatedKernel(seed: seed, plan.faults)
        kernel.clientsWanted = plan.clients
        kernel.clientsAtOnce = plan.atOnce
        kernel.descriptorsMax = plan.descriptorsMax
        var settings = WorkerSettings(
            target: .upstreams((1...3).compactMap { SocketAddress(numeric: "127.0.0.1", port: UInt16($0)) }))
        settings.connectionsMax = plan.atOnce * 2
        settings.pipeBytes = 65_536
        settings.chunkBytes = 65_536
        settings.timeouts.idleMillis = .max / 4
        settings.timeouts.finMillis = .max / 4
        let placement = Placement(workers: 2)
        let addresses = ClientTable(connectionsMax: plan.clients, clients: 10)
        settings.placement = placement
        settings.clients = addresses
        let connections = ConnectionCount()
        let queues = try (0..<2).map { _ in RecordQueue(try OutBell()) }
        let controls = try (0..<2).map { _ in try WorkerControl(board: CounterBoard(upstreamCount: 3)) }
        func made(_ index: Int) -> Worker<SimulatedEngine> {
            var settings = settings
            settings.index = index
            settings.records = queues[index]
            return Worker(
                engine: SimulatedEngine(kernel: kernel), settings: settings, control: controls[index],
                connections: connections)
        }
        var first = made(0)
        var second = made(1)
        kernel.worker = 1
        second.start(plan.bothListen ? [(socket: kernel.makeListener(), isTCP: true)] : [])
        kernel.worker = 0
        first.start([(socket: kernel.makeListener(), isTCP: true)])

        var outcome = Outcome()
        var order = SeededRandom(state: seed ^ 0xA5A5)
        func turn(_ first: inout Worker<SimulatedEngine>, _ second: inout Worker<SimulatedEngine>) {
            kernel.worker = order.below(2)
            switch kernel.worker {
            case 0 where !first.isDone: first.turn()
            case 1 where !second.isDone: second.turn()
            // One that has left has no thread any more, but the world goes on.
            default: kernel.turn(waitingMillis: 1)
            }
        }
        var turnsLeft = 40_000 + plan.clients * 800
        var takenOver: UInt64?
        while kernel.isBusy && turnsLeft > 0 && kernel.breaches.isEmpty && kernel.violations.isEmpty {
            turn(&first, &second)
            if let drainAfter = plan.drainAfter {
                if kernel.clientsMade >= drainAfter { drain([controls[1]], kernel) }
                if second.isLeaving && takenOver == nil { takenOver = second.counters[.takenOver] }
                if kernel.clientsMade >= drainAfter + 20 {
                    kernel.clientsWanted = kernel.clientsMade
                    drain(controls, kernel)
                }
            }
            turnsLeft -= 1
        }
        outcome.problems = kernel.breaches + kernel.violations
        if outcome.problems.isEmpty { outcome.problems += kernel.unfinished.prefix(3) }
        if outcome.problems.isEmpty {
            drain(controls, kernel)
            for _ in 0..<40_000 where !first.isDone || !second.isDone { turn(&first, &second) }
            outcome.problems =
                SimulationTests.leftovers(
                    kernel, first.isDone && second.isDone, first.table.count + second.table.count,
                    first.pipes.borrowed + second.pipes.borrowed, connections)
                + SimulationTests.misrecorded(queues[0], first.counters)
                + SimulationTests.misrecorded(queues[1], second.counters)
            if addresses.clientCount != 0 { outcome.problems.append("a client's place was not given back") }
            for worker in 0..<2 where placement.loads[worker] != 0 {
                outcome.problems.append("worker \(worker) is left with a load of \(placement.loads[worker])")
            }
            let open = kernel.openDescriptors - 2 * (first.pipes.open + second.pipes.open)
            if open != 0 { outcome.problems.append("\(open) descriptors are left open") }
        }
        if let takenOver, takenOver != second.counters[.takenOver] {
            outcome.problems.append("clients were handed to a worker that leaves")
        }
        outcome.clients = kernel.clientsMade
        outcome.accepted = [first.counters[.accepted], second.counters[.accepted]]
        for counter in Counter.allCases { outcome.totals[counter] = first.counters[counter] + second.counters[counter] }
        return outcome
    }

    /// Rings for each order once.
    private static func drain(_ controls: [WorkerControl], _ kernel: SimulatedKernel) {
        for control in controls where control.current == .run {
            control.give(.drain)
            kernel.rungBells.insert(control.bell)
        }
    }

    private func expectClean(_ outcome: Outcome, seed: UInt64) {
        #expect(outcome.problems == [], "seed \(seed)")
        let totals = outcome.totals
        #expect(totals[.accepted] == totals[.closed], "seed \(seed)")
        #expect(totals[.accepted] == UInt64(outcome.clients), "seed \(seed)")
        #expect(totals[.handedOver] == totals[.takenOver], "seed \(seed)")
        #expect(totals[.completionsUnexpected] == 0 && totals[.completionsStale] == 0, "seed \(seed)")
    }

    private static let seeds = SimulationTests.seeds

    @Test("spread what one of them accepts, and lose no byte", arguments: seeds)
    func oneListens(seed: UInt64) throws {
        let outcome = try Self.run(seed: seed, Plan(bothListen: false))
        expectClean(outcome, seed: seed)
        let least = try #require(outcome.accepted.min())
        #expect(least > 75, "seed \(seed): \(outcome.accepted) of 300")
        #expect(outcome.totals[.handedOver] == outcome.accepted[1], "seed \(seed)")
    }

    @Test("lose nothing under every fault that a connection survives", arguments: seeds)
    func benign(seed: UInt64) throws {
        let outcome = try Self.run(seed: seed, Plan(faults: .benign, bothListen: seed % 2 == 0))
        expectClean(outcome, seed: seed)
        #expect(outcome.totals[.systemFailure] == 0, "seed \(seed)")
        // Where both accept, chance may spread them, and while there is a shortage nobody hands over.
        #expect(seed % 2 == 0 || outcome.totals[.handedOver, default: 0] > 0, "seed \(seed)")
    }

    @Test("deliver exact prefixes under faults that end connections", arguments: seeds)
    func severe(seed: UInt64) throws {
        let outcome = try Self.run(seed: seed, Plan(faults: .severe, bothListen: seed % 2 == 0))
        expectClean(outcome, seed: seed)
    }

    @Test("drain in the middle of hand-overs without losing anybody", arguments: 1...40 as ClosedRange<UInt64>)
    func drain(seed: UInt64) throws {
        let outcome = try Self.run(
            seed: seed,
            Plan(
                faults: seed % 3 == 0 ? .benign : FaultPlan(), clients: 80, bothListen: seed % 2 == 0,
                drainAfter: 10 + Int(seed)))
        expectClean(outcome, seed: seed)
    }

    @Test("with too few descriptors serve some, reset few, and go on with whoever is left", arguments: seeds)
    func shortOfDescriptors(seed: UInt64) throws {
        let outcome = try Self.run(seed: seed, Plan(descriptorsMax: 30, bothListen: seed % 2 == 0))
        expectClean(outcome, seed: seed)
        let totals = outcome.totals
        let shortages = totals[.acceptShortOfDescriptors, default: 0] + totals[.connectShortOfDescriptors, default: 0]
        #expect(shortages > 0, "seed \(seed)")
        #expect(totals[.cutForShortage, default: 0] < 30, "seed \(seed): \(totals)")
        #expect(totals[.finished, default: 0] > 100 && totals[.systemFailure] == 0, "seed \(seed)")
    }
}
