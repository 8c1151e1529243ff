import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

@Suite("A worker whose servers are full, answered by script")
struct WorkerQueueScriptTests {
    private static func pool(_ servers: Int = 1, connections: Int = 1, queue: Int = 2, waitMillis: Int64 = 1_000_000)
        -> PoolSettings
    {
        let addresses = (0..<servers).compactMap { SocketAddress(numeric: "127.0.0.1", port: UInt16(1 + $0)) }
        var pool = PoolSettings(addresses.map { ServerSettings($0) })
        pool.limits = ServerLimits(connections: connections, queue: queue)
        var timeouts = Timeouts()
        timeouts.queueMillis = waitMillis
        pool.timeouts = timeouts
        return pool
    }

    private func bench(_ set: PoolSet) throws -> ScriptedWorker {
        try ScriptedWorker(upstreams: 2) {
            $0.target = .pools(set)
            $0.isChangeable = true
        }
    }

    private func settle(_ bench: inout ScriptedWorker, turns: Int = 4) { for _ in 0..<turns { bench.worker.turn() } }

    private func phases(_ bench: borrowing ScriptedWorker) -> [Knot.Phase] {
        (0..<bench.worker.table.slotsEverUsed).map { bench.worker.table[$0].pointee.phase }
    }

    private func connecting(_ bench: borrowing ScriptedWorker) -> [UInt32] {
        bench.script.open.filter { $0.intent == .connect }.map(\.tag.slot)
    }

    private func watch(of slot: UInt32, _ bench: borrowing ScriptedWorker) -> Script.Open? {
        bench.script.open.first { $0.intent == .watch && $0.tag.slot == slot }
    }

    private func move(of slot: UInt32, _ bench: borrowing ScriptedWorker) -> Script.Open? {
        bench.script.open.first {
            guard case .move = $0.intent else { return false }
            return $0.tag.slot == slot && $0.tag.direction == .up
        }
    }

    /// The client of a tied pair resets it.
    private func end(_ slot: UInt32, _ bench: inout ScriptedWorker) throws {
        let rest = try #require(
            bench.script.open.first { $0.tag.slot == slot && $0.intent == .rest && $0.tag.direction == .up })
        bench.script.answer(rest, .await, 1)
        bench.worker.turn()
        let found = move(of: slot, bench)
        let move = try #require(found)
        bench.script.answer(move, fill: Errno.reset, drain: Errno.again)
        settle(&bench)
    }

    private func connected(_ slot: UInt32, _ bench: inout ScriptedWorker) throws {
        let open = try #require(bench.script.open.first { $0.intent == .connect && $0.tag.slot == slot })
        bench.script.answer(open, .connect, 0)
        bench.worker.turn()
    }

    @Test("keeps who waits in order, refuses who is one too many, and connects the next when a place is free")
    func order() throws {
        let set = PoolSet([Self.pool()])
        var bench = try bench(set)
        try bench.tie()
        for _ in 0..<3 { try bench.accept() }
        settle(&bench)
        #expect(phases(bench) == [.tied, .queued, .queued, .free])
        #expect(bench.count(.queued) == 2 && bench.count(.refusedQueueFull) == 1)
        #expect(connecting(bench) == [] && watch(of: 1, bench) != nil && watch(of: 2, bench) != nil)
        #expect(bench.control.board[.waiting] == 2 && set.states[0].connections == 1)
        try end(0, &bench)
        #expect(connecting(bench) == [1] && bench.control.board[.waiting] == 1)
        // Whoever comes now stands behind.
        try bench.accept()
        try connected(1, &bench)
        try end(1, &bench)
        #expect(connecting(bench) == [2])
        try connected(2, &bench)
        try end(2, &bench)
        #expect(connecting(bench) == [0])
        try connected(0, &bench)
        #expect(bench.count(.queued) == 3 && bench.count(.tied) == 4 && set.states[0].connections == 1)
        #expect(bench.control.board[.waiting] == 0)
        bench.order(.cut)
        settle(&bench)
        #expect(bench.script.breaches == [] && set.states[0].connections == 0)
    }

    @Test("refuses at once where nobody may wait")
    func noQueue() throws {
        var bench = try bench(PoolSet([Self.pool(queue: 0)]))
        try bench.tie()
        try bench.accept()
        settle(&bench)
        let active = bench.worker.table.count
        #expect(active == 1 && bench.count(.refusedQueueFull) == 1 && bench.count(.queued) == 0)
    }

    @Test("a failed connect makes room too")
    func failure() throws {
        var bench = try bench(PoolSet([Self.pool()]))
        try bench.accept()
        try bench.accept()
        #expect(phases(bench) == [.connecting, .queued])
        let open = try #require(bench.script.open.first { $0.intent == .connect })
        bench.script.answer(open, .connect, Errno.refused)
        bench.worker.turn()
        #expect(connecting(bench) == [1] && bench.count(.connectFailed) == 1)
    }

    @Test("refuses who has waited long enough, and not sooner")
    func timeout() throws {
        var bench = try bench(PoolSet([Self.pool(waitMillis: 200)]))
        try bench.tie()
        try bench.accept()
        bench.script.millisPerTurn = 10
        settle(&bench, turns: 10)
        #expect(phases(bench)[1] == .queued)
        settle(&bench, turns: 20)
        #expect(phases(bench) == [.tied, .free])
        #expect(bench.count(.refusedQueueTimeout) == 1 && bench.control.board[.waiting] == 0)
        #expect(watch(of: 1, bench) == nil && bench.script.breaches == [])
    }

    @Test("lets go of a client that is gone while it waits, wherever it stands", arguments: [1, 2] as [UInt32])
    func gone(slot: UInt32) throws {
        var bench = try bench(PoolSet([Self.pool()]))
        try bench.tie()
        for _ in 0..<2 { try bench.accept() }
        let found = watch(of: slot, bench)
        let watch = try #require(found)
        bench.script.answer(watch, .watch, PollEvents.hangup | PollEvents.error, goesOn: false)
        settle(&bench)
        #expect(bench.count(.clientReset) == 1 && bench.control.board[.waiting] == 1)
        try end(0, &bench)
        #expect(connecting(bench) == [3 - slot])
    }

    @Test("keeps a client that has only ended its stream, and goes on watching it", arguments: [true, false])
    func halfClosed(goesOn: Bool) throws {
        var bench = try bench(PoolSet([Self.pool()]))
        try bench.tie()
        try bench.accept()
        let found = watch(of: 1, bench)
        let first = try #require(found)
        bench.script.answer(first, .watch, PollEvents.readHangup | PollEvents.writable, goesOn: goesOn)
        settle(&bench)
        #expect(phases(bench) == [.tied, .queued] && watch(of: 1, bench) != nil)
        try end(0, &bench)
        #expect(connecting(bench) == [1])
        try connected(1, &bench)
        #expect(phases(bench)[1] == .tied && bench.script.breaches == [])
    }

    @Test("a full submission queue delays the watch and the connect, and keeps the place")
    func submissionQueueFull() throws {
        let set = PoolSet([Self.pool()])
        var bench = try bench(set)
        try bench.tie()
        bench.script.refusals = 2
        try bench.accept()
        settle(&bench)
        #expect(watch(of: 1, bench) != nil)
        try bench.accept()
        let rest = try #require(
            bench.script.open.first { $0.tag.slot == 0 && $0.intent == .rest && $0.tag.direction == .up })
        bench.script.answer(rest, .await, 1)
        bench.worker.turn()
        let found = move(of: 0, bench)
        let move = try #require(found)
        bench.script.answer(move, fill: Errno.reset, drain: Errno.again)
        // The knot's end takes some intents too.
        for _ in 0..<8 {
            bench.script.refusals = 1
            bench.worker.turn()
            #expect(set.states[0].connections <= 1)
        }
        bench.script.refusals = 0
        settle(&bench)
        #expect(connecting(bench) == [1] && phases(bench)[2] == .queued)
    }

    @Test("a drain serves who waits, and a cut ends them", arguments: [WorkerControl.Order.drain, .cut])
    func leave(order: WorkerControl.Order) throws {
        var bench = try bench(PoolSet([Self.pool()]))
        try bench.tie()
        try bench.accept()
        bench.order(order)
        settle(&bench)
        #expect(phases(bench) == (order == .drain ? [.tied, .queued] : [.free, .free]))
        if order == .drain {
            try end(0, &bench)
            try connected(1, &bench)
            try end(1, &bench)
        }
        let isDone = bench.worker.isDone
        #expect(isDone && bench.script.attached == bench.script.detached && bench.control.board[.waiting] == 0)
    }

    @Test("goes by the limits of another generation, and by none that is gone")
    func reload() throws {
        let set = PoolSet([Self.pool(queue: 4)])
        var bench = try bench(set)
        try bench.tie()
        for _ in 0..<4 { try bench.accept() }
        change(set, &bench) { $0.limits?.connections = 2 }
        #expect(connecting(bench) == [1] && bench.control.board[.waiting] == 3)
        // Nobody may wait any more, but who waits already does.
        change(set, &bench) { $0.limits?.queue = 0 }
        try bench.accept()
        #expect(bench.control.board[.waiting] == 3 && bench.count(.refusedQueueFull) == 1)
        change(set, &bench) { $0.limits = nil }
        #expect(connecting(bench).sorted() == [1, 2, 3, 4] && bench.control.board[.waiting] == 0)
    }

    private func change(_ set: PoolSet, _ bench: inout ScriptedWorker, _ edit: (inout PoolSettings) -> Void) {
        var pools = set.pools
        edit(&pools[0])
        bench.control.hand(WorkerControl.Change(PoolSet(pools, states: set.states)))
        bench.ringBell()
        settle(&bench)
    }

    @Test("nobody waits for a pool without servers")
    func removed() throws {
        let set = PoolSet([Self.pool()])
        var bench = try bench(set)
        try bench.tie()
        try bench.accept()
        var pools = set.pools
        pools[0].servers = []
        bench.control.hand(WorkerControl.Change(PoolSet(pools, states: set.states)))
        bench.ringBell()
        settle(&bench)
        #expect(phases(bench) == [.tied, .free] && bench.count(.noServer) == 1)
    }

    @Test("looks by itself, for what nobody tells: a server that is up, and none that is")
    func byItself() throws {
        var pool = Self.pool(2)
        pool.isChecked = true
        let set = PoolSet([pool])
        set.states.goDown(1)
        var bench = try bench(set)
        try bench.tie()
        for _ in 0..<2 { try bench.accept() }
        #expect(phases(bench) == [.tied, .queued, .queued])
        bench.script.millisPerTurn = 60
        set.states.comeUp(1, at: 0)
        settle(&bench)
        #expect(connecting(bench) == [1])
        #expect(bench.script.waitNanoseconds <= 50_000_000 && bench.script.waitNanoseconds > 0)
        set.states.goDown(0)
        set.states.goDown(1)
        settle(&bench)
        #expect(phases(bench)[2] == .free && bench.count(.noServer) == 1)
    }

    @Test("a place is not left for ever to a worker that stands still")
    func standstill() throws {
        let placement = Placement(workers: 2)
        let set = PoolSet([Self.pool(queue: 3)])
        let other = placement.queues.side(of: 1)
        var bench = try ScriptedWorker {
            $0.target = .pools(set)
            $0.placement = placement
        }
        other.open(ringing: bench.control.bell)
        try bench.tie()
        #expect(other.enter(0, atMost: 3))
        other.tell(1, 0)
        try bench.accept()
        try end(0, &bench)
        #expect(connecting(bench) == [] && clinux_event_clear(bench.control.bell) > 0)
        bench.script.millisPerTurn = 60
        settle(&bench)
        #expect(connecting(bench) == [1])
    }

    @Test("two workers share the limit, and a place goes to whoever has waited longest")
    func twoWorkers() throws {
        let placement = Placement(workers: 2)
        let set = PoolSet([Self.pool(queue: 3)])
        let connections = ConnectionCount()
        func worker(_ index: Int) throws -> ScriptedWorker {
            try ScriptedWorker(connections: connections) {
                $0.target = .pools(set)
                $0.placement = placement
                $0.index = index
            }
        }
        var first = try worker(0)
        var second = try worker(1)
        let bells = [first.control.bell, second.control.bell]
        // Tied, then one each that waits, in this order: in the second one, in the first one. And one more in the first one.
        try first.tie()
        try first.accept()
        second.worker.turn()
        #expect(phases(second) == [.queued])
        for _ in 0..<3 { pause() }
        try first.accept()
        #expect(phases(first) == [.tied, .queued])
        for bell in bells { _ = clinux_event_clear(bell) }
        try end(0, &first)
        #expect(connecting(first) == [], "the other one's has waited longer")
        #expect(clinux_event_clear(bells[1]) > 0)
        second.ringBell()
        #expect(connecting(second) == [0])
        // Made free by the second one, which has nobody.
        try connected(0, &second)
        for bell in bells { _ = clinux_event_clear(bell) }
        try end(0, &second)
        #expect(set.states[0].connections == 0 && clinux_event_clear(bells[0]) > 0)
        first.ringBell()
        #expect(connecting(first) == [1] && set.states[0].connections == 1)
        #expect(first.script.breaches == [] && second.script.breaches == [])
    }
}
