import CLinux
import LinuxCalls
import Testing

@testable import DataPlane

@Suite("A worker under random answers")
struct WorkerFuzzTests {
    static let fillErrors = [
        Errno.again, Errno.again, Errno.interrupted, Errno.noMemory, Errno.noBuffers, Errno.invalid, Errno.reset,
        Errno.timedOut, Errno.brokenPipe, Errno.badDescriptor,
    ]
    static let drainErrors = [
        Errno.again, Errno.again, Errno.interrupted, Errno.noMemory, Errno.noBuffers, Errno.brokenPipe, Errno.reset,
        Errno.invalid, Errno.canceled, 0,
    ]
    static let watchEvents = [PollEvents.writable, PollEvents.readHangup, PollEvents.hangup]
    static let connectErrors = [Errno.refused, Errno.timedOut, Errno.hostUnreachable, Errno.again, Errno.reset]

    /// One open intent is answered, mostly well.
    private func answerOne(_ script: Script, _ random: inout SeededRandom) {
        guard let open = script.open.filter({ $0.tag.slot != Knot.nowhere }).randomElement(using: &random) else {
            return
        }
        let isBad = Int.random(in: 0..<100, using: &random) < 15
        switch open.intent {
        // No file is sent.
        case .accept: break
        case .connect:
            script.answer(open, .connect, isBad ? Self.connectErrors.randomElement(using: &random) ?? 0 : 0)
        case .rest:
            script.answer(open, .await, isBad ? Errno.noMemory : 1)
        case .watch:
            let events = Self.watchEvents.randomElement(using: &random) ?? PollEvents.writable
            script.answer(open, .watch, events, goesOn: Bool.random(using: &random))
        case .move(let asked):
            let isReversed = Int.random(in: 0..<20, using: &random) == 0
            if Int.random(in: 0..<30, using: &random) == 0 {
                script.answer(open, fill: 0, drain: Errno.again, reversed: isReversed)
            } else if isBad {
                let fill = Self.fillErrors.randomElement(using: &random) ?? Errno.again
                script.answer(open, fill: fill, drain: Errno.again, reversed: isReversed)
            } else {
                let filled = Int32.random(in: 1...Int32(asked), using: &random)
                let drained =
                    Int.random(in: 0..<100, using: &random) < 10
                    ? Self.drainErrors.randomElement(using: &random) ?? 0 : Int32.random(in: 1...filled, using: &random)
                script.answer(open, fill: filled, drain: drained, reversed: isReversed)
            }
        case .receive:
            if Int.random(in: 0..<30, using: &random) == 0 {
                script.answerReceive(open, 0, goesOn: false)
            } else if isBad {
                script.answerReceive(open, Self.fillErrors.randomElement(using: &random) ?? Errno.again, goesOn: false)
            } else {
                script.answerReceive(
                    open, Int32.random(in: 1...4096, using: &random),
                    goesOn: Int.random(in: 0..<5, using: &random) > 0, leavesMore: Bool.random(using: &random))
            }
        case .send(let slice):
            let sent =
                isBad
                ? Self.drainErrors.randomElement(using: &random) ?? 0
                : Int32.random(in: 1...Int32(slice.length), using: &random)
            script.answer(open, .send, sent)
        case .drainHeld(let length):
            let drained =
                isBad
                ? Self.drainErrors.randomElement(using: &random) ?? 0
                : Int32.random(in: 1...Int32(length), using: &random)
            script.answer(open, .drain, drained)
        }
    }

    @Test(
        "never breaks the contract, never leaks, and accounts for each connection",
        arguments: 1...24 as ClosedRange<UInt64>, RelayPolicy.allCases)
    func fuzz(seed: UInt64, policy: RelayPolicy) throws {
        var random = SeededRandom(state: seed)
        let queue = RecordQueue(try OutBell())
        let clients = ClientTable(connectionsMax: 3, clients: 1_000)
        // Every second time servers are soon full.
        let addresses = (0..<2).compactMap { SocketAddress(numeric: "127.0.0.1", port: UInt16(1 + $0)) }
        var pool = PoolSettings(addresses.map { ServerSettings($0) })
        if seed % 2 == 0 { pool.limits = ServerLimits(connections: 2, queue: 4) }
        let set = PoolSet([pool])
        var bench = try ScriptedWorker(upstreams: 2) {
            $0.target = .pools(set)
            $0.timeouts.queueMillis = 40
            $0.records = queue
            $0.clients = clients
            $0.connectionsMax = 12
            $0.relay = .restless(policy)
            $0.pipeBytes = 4096
            $0.chunkBytes = 4096
            $0.timeouts.connectMillis = 20
            $0.timeouts.idleMillis = 60
            $0.timeouts.finMillis = 30
            $0.timeouts.pipeIdleMillis = 3
        }
        bench.worker.buffers.joinedBytesMax = 2_048
        bench.script.millisPerTurn = 4
        bench.script.clients = ["10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8:0:1::1"].compactMap {
            SocketAddress(numeric: $0, port: 1)
        }
        bench.script.clients.append(.unknown)
        for _ in 0..<2_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: try bench.accept()
            case 1: bench.script.refusals = Int.random(in: 0...3, using: &random)
            default: for _ in 0..<4 { answerOne(bench.script, &random) }
            }
            bench.script.plainRead = [0, 0, Errno.again, Errno.reset].randomElement(using: &random)
            bench.worker.turn()
            if let limits = pool.limits {
                #expect((0..<2).allSatisfy { set.states[$0].connections <= limits.connections }, "seed \(seed)")
            }
            if !bench.script.breaches.isEmpty { break }
        }
        bench.script.refusals = 0
        bench.order(.cut)
        for _ in 0..<200 where !bench.worker.isDone {
            for _ in 0..<8 { answerOne(bench.script, &random) }
            bench.worker.turn()
        }
        #expect(bench.script.breaches == [], "seed \(seed)")
        let unfilled = bench.worker.buffers.filled
        #expect(unfilled == 0, "seed \(seed): buffers were not given back")
        let (isDone, active, borrowed) = (bench.worker.isDone, bench.worker.table.count, bench.worker.pipes.borrowed)
        #expect(isDone && active == 0 && borrowed == 0, "seed \(seed)")
        #expect(bench.script.attached == bench.script.detached, "seed \(seed): descriptors opened and not closed")
        #expect(bench.connections.current == 0, "seed \(seed)")
        #expect(clients.clientCount == 0, "seed \(seed): a client's place was not given back")
        #expect(bench.count(.accepted) == bench.count(.closed) && bench.count(.accepted) > 50, "seed \(seed)")
        let byCause = [
            Counter.finished, .clientReset, .upstreamReset, .idleTimeout, .finTimeout, .drainCut, .connectFailed,
            .systemFailure, .refusedAtLimit, .refusedPerClient, .refusedByAddress, .badPrologue, .prologueTimeout,
            .refusedQueueFull, .refusedQueueTimeout,
        ]
        #expect((0..<2).allSatisfy { set.states[$0].connections == 0 }, "seed \(seed)")
        #expect(bench.control.board[.waiting] == 0, "seed \(seed)")
        if pool.limits != nil { #expect(bench.count(.queued) > 0, "seed \(seed)") }
        #expect(byCause.reduce(0) { $0 + bench.count($1) } == bench.count(.closed), "seed \(seed)")
        var (up, down) = (UInt64(0), UInt64(0))
        let recorded = queue.take(atMost: .max) {
            up += $0.bytesUp
            down += $0.bytesDown
        }
        #expect(recorded == Int(bench.count(.accepted)), "seed \(seed): one record for each connection")
        #expect(up == bench.count(.bytesUp) && down == bench.count(.bytesDown), "seed \(seed): every byte is recorded")
        #expect(bench.count(.completionsUnexpected) == 0 && bench.count(.completionsStale) == 0, "seed \(seed)")
    }
}
