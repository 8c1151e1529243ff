import CLinux
import LinuxCalls
import LoadGenerator
import TestSupport
import Testing

@testable import DataPlane

/// A worker over a real engine that fails as it is told, on a thread of its own and with a listener on loopback.
private final class FaultyServer: @unchecked Sendable {
    let address: SocketAddress
    let dice: FaultDice
    let control: WorkerControl
    private let settings: WorkerSettings
    private let kind: EngineKind
    private let listener: TestListener
    private var thread: NamedThread?
    // Written by the worker's thread before it ends and read after it was joined.
    private var trouble: SystemError?
    private(set) var totals: [Counter: UInt64] = [:]
    private(set) var leftovers: [String] = []

    init(
        _ kind: EngineKind, _ relay: RelayPolicy, _ plan: FaultPlan, seed: UInt64, upstream: SocketAddress
    ) throws {
        self.kind = kind
        dice = FaultDice(plan, seed: seed)
        // Every other one hears its clients for a ClientHello first, which none of them sends.
        var rules = ListenerSettings(pool: 0)
        if seed % 2 == 0 { rules.routes = [Route(names: ["nobody.example"], pool: nil)] }
        let pools = PoolSet([PoolSettings([ServerSettings(upstream)])], listeners: [rules])
        var settings = WorkerSettings(target: .pools(pools))
        settings.connectionsMax = 200
        // Small ones: many operations for few bytes.
        settings.pipeBytes = 16_384
        settings.chunkBytes = 16_384
        settings.relay = .restless(relay)
        self.settings = settings
        listener = try TestListener.loopback()
        address = listener.address
        control = try WorkerControl(board: CounterBoard(upstreamCount: 1))
        thread = try NamedThread("faulty") { self.main() }
    }

    /// Drains, and returns when the worker has left. Knots that are stuck are left behind.
    func end() throws {
        control.give(.drain)
        if !eventually(within: 60_000, { self.control.board[.left] != 0 }) { control.give(.stop) }
        thread?.join()
        if let trouble { throw trouble }
    }

    /// Few and small ones, so that they run out.
    private var buffers: BufferSettings {
        var buffers = BufferSettings()
        buffers.bytes = 4_096
        buffers.count = 128
        return buffers
    }

    private func main() {
        do throws(SystemError) {
            switch kind {
            case .uring:
                // A ring far too small, so that the kernel's own limits are met as well.
                var ring = UringSettings()
                ring.ringDepth = 8
                ring.completionDepth = 16
                ring.buffers = buffers
                serve(try UringEngine(ring))
            case .epoll:
                serve(try EpollEngine(descriptors: 20_000, intents: settings.intentsMax, buffers: buffers))
            }
        } catch {
            trouble = error
        }
    }

    private func serve<E: Engine & ~Copyable>(_ engine: consuming E) {
        let connections = ConnectionCount()
        var worker = Worker(
            engine: FaultyEngine(engine, dice), settings: settings, control: control, connections: connections)
        worker.start([(socket: clinux_duplicate(listener.number), isTCP: true)])
        worker.run()
        control.board.writer.publish(.left, 1)
        for slot in 0..<worker.table.slotsEverUsed where worker.table[slot].pointee.phase != .free {
            leftovers.append("knot \(slot): \(worker.table[slot].pointee)")
        }
        if worker.buffers.filled != 0 { leftovers.append("\(worker.buffers.filled) buffers") }
        if worker.pipes.borrowed != 0 { leftovers.append("\(worker.pipes.borrowed) pipes") }
        if connections.current != 0 { leftovers.append("\(connections.current) connections") }
        for counter in Counter.allCases { totals[counter] = worker.counters[counter] }
    }
}

@Suite("A worker over a real engine that fails as it is told", .serialized)
struct FaultyEngineTests {
    private static func plan(_ kind: EngineKind) -> FaultPlan {
        var plan = FaultPlan.benign
        plan.acceptFails = 0  // the real kernel's accepts fail in tests of their own
        // What the epoll engine never says: it waits until a drain gets on, and a withdrawn fill was dry.
        if kind == .epoll {
            plan.canceled = 0
            plan.drainHeldAgain = 0
        }
        return plan
    }

    /// Operations of each engine: all of them with `-DTORTURE`, a sample otherwise.
    private static var operationsWanted: Int {
        #if TORTURE
            10_000_000
        #else
            60_000
        #endif
    }

    @Test(
        "keeps every byte and every clean end under faults that a connection survives", arguments: EngineKind.allCases)
    func ledger(kind: EngineKind) throws {
        try Signals.ignoreBrokenPipe()
        let peer = try Peer([try #require(SocketAddress(numeric: "127.0.0.1", port: 0))], threads: 1)
        defer { peer.stop() }
        var operations = 0
        var injected: [String: Int] = [:]
        var overflows: UInt64 = 0
        var seed: UInt64 = 1
        while operations < Self.operationsWanted {
            let relay = RelayPolicy.allCases[Int(seed % 3)]
            let server = try FaultyServer(kind, relay, Self.plan(kind), seed: seed, upstream: peer.addresses[0])
            var recipe = Recipe(.ledger)
            recipe.size = 64 << 10
            // Only a connection that really stands still takes so long, however loaded the machine is.
            recipe.patienceMillis = 60_000
            var settings = RunSettings(recipe, seed: seed, targets: [server.address])
            settings.connections = 100
            settings.total = 400
            let report = try Run(settings).finish()
            try server.end()
            #expect(report.isOK, "seed \(seed), \(relay): \(report.violations.prefix(3)) \(report.peerTrouble ?? "")")
            #expect(server.leftovers == [], "seed \(seed)")
            let totals = server.totals
            #expect(totals[.accepted] == totals[.closed] && totals[.accepted, default: 0] >= 400, "seed \(seed)")
            #expect(totals[.systemFailure] == 0 && totals[.completionsUnexpected] == 0, "seed \(seed)")
            #expect(totals[.completionsStale] == 0 && totals[.completionsDropped] == 0, "seed \(seed)")
            if !report.isOK || !server.leftovers.isEmpty { break }
            operations += server.dice.operations
            overflows += totals[.completionQueueOverflows, default: 0]
            injected.merge(server.dice.injected, uniquingKeysWith: +)
            seed += 1
        }
        print("\(kind): \(operations) operations, seeds 1 to \(seed - 1), \(injected)")
        #expect(injected.count > 15)
        if kind == .uring { #expect(overflows > 0, "a completion queue of 16 never ran over") }
    }
}
