import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

@Suite("A worker, answered by script")
struct WorkerScriptTests {
    /// Errnos that end a connection, and those after which it lives.
    static let deadly = [Errno.reset, Errno.brokenPipe, Errno.timedOut, Errno.notConnected, Errno.hostUnreachable]
    static let passing = [
        Errno.again, Errno.interrupted, Errno.restart, Errno.noMemory, Errno.noBuffers, Errno.canceled,
    ]

    private func settle(_ bench: inout ScriptedWorker, turns: Int = 4) { for _ in 0..<turns { bench.worker.turn() } }

    @Test("an idle pair holds two sockets and no pipe")
    func idle() throws {
        var bench = try ScriptedWorker()
        try bench.tie()
        let borrowed = bench.worker.pipes.borrowed
        #expect(borrowed == 0)
        #expect(bench.script.open.filter { $0.intent == .rest }.count == 3)  // both lanes and the bell
    }

    @Test("a fill's errno that passes keeps the flow", arguments: passing)
    func fillPasses(errno: Int32) throws {
        var bench = try ScriptedWorker()
        bench.script.millisPerTurn = TimerWheel.tickMillis
        try bench.tie()
        bench.wake(.up)
        let move = try #require(bench.script.intent(of: .up))
        bench.script.answer(move, fill: errno, drain: errno == Errno.canceled ? errno : Errno.again)
        settle(&bench)
        let active = bench.worker.table.count
        #expect(active == 1)
        #expect(bench.script.intent(of: .up) != nil, "the lane is armed again")
        #expect(bench.script.breaches == [])
    }

    @Test("a fill's errno that ends the connection closes it and resets the other side", arguments: deadly)
    func fillEnds(errno: Int32) throws {
        var bench = try ScriptedWorker()
        try bench.tie()
        bench.wake(.up)
        let move = try #require(bench.script.intent(of: .up))
        bench.script.answer(move, fill: errno, drain: Errno.again)
        settle(&bench)
        let active = bench.worker.table.count
        #expect(active == 0 && bench.count(.clientReset) == 1)
        #expect(bench.script.open.allSatisfy { $0.intent == .accept || $0.tag.slot == Knot.nowhere })
    }

    @Test("a drain's errno that passes keeps every byte", arguments: passing)
    func drainPasses(errno: Int32) throws {
        var bench = try ScriptedWorker()
        bench.script.millisPerTurn = TimerWheel.tickMillis
        try bench.tie()
        bench.wake(.down)
        let move = try #require(bench.script.intent(of: .down))
        bench.script.answer(move, fill: 100, drain: errno)
        settle(&bench)
        #expect(bench.script.intent(of: .down)?.intent == .drainHeld(100))
        #expect(bench.script.breaches == [])
    }

    @Test("a drain's errno that ends the connection drops the pipe with its bytes", arguments: deadly)
    func drainEnds(errno: Int32) throws {
        var bench = try ScriptedWorker()
        try bench.tie()
        bench.wake(.down)
        let move = try #require(bench.script.intent(of: .down))
        bench.script.answer(move, fill: 100, drain: errno)
        settle(&bench)
        // What the client sent before is read to its end.
        let rest = try #require(bench.script.intent(of: .up))
        bench.script.answer(rest, .await, PollEvents.readable | PollEvents.hangup)
        settle(&bench)
        let last = try #require(bench.script.intent(of: .up))
        bench.script.answer(last, fill: 0, drain: Errno.again)
        settle(&bench)
        let active = bench.worker.table.count
        #expect(active == 0 && bench.count(.clientReset) == 1)
        #expect(bench.count(.bytesDropped) == 100 && bench.count(.pipesClosed) >= 1)
    }

    @Test("splice refused with EINVAL is counted and the bytes are read plainly into the pipe")
    func invalid() throws {
        var bench = try ScriptedWorker()
        try bench.tie()
        bench.wake(.up)
        try bench.clients[0].send(pattern(64))
        bench.script.plainRead = nil
        let move = try #require(bench.script.intent(of: .up))
        bench.script.answer(move, fill: Errno.invalid, drain: Errno.again)
        bench.worker.turn()
        #expect(bench.count(.plainReads) == 1 && bench.count(.notSpliceable) == 1)
        #expect(bench.script.open.contains { $0.intent == .drainHeld(64) && $0.tag.direction == .up })
    }

    @Test("a bad descriptor closes the flow as the system's failure, and is counted")
    func badDescriptor() throws {
        var bench = try ScriptedWorker()
        try bench.tie()
        bench.wake(.up)
        let move = try #require(bench.script.intent(of: .up))
        bench.script.answer(move, fill: Errno.badDescriptor, drain: Errno.badDescriptor)
        settle(&bench)
        let active = bench.worker.table.count
        #expect(active == 0 && bench.count(.systemFailure) == 1)
    }

    @Test("an upstream of a family that this machine lacks is passed over for the next one")
    func missingFamily() throws {
        var bench = try ScriptedWorker(upstreams: 2)
        bench.script.socketFailures = [-97]  // EAFNOSUPPORT
        try bench.accept()
        bench.worker.turn()
        let connect = try #require(bench.script.open.first { $0.intent == .connect })
        bench.script.answer(connect, .connect, 0)
        bench.worker.turn()
        #expect(bench.count(.tied) == 1 && bench.count(.connectFailedOtherwise) == 1)
    }

    @Test(
        "a client without a descriptor for its upstream is reset, and accepting pauses",
        arguments: [-24, -23, -12, -105])
    func noDescriptor(errno: Int32) throws {
        var bench = try ScriptedWorker()
        bench.script.socketFailures = [errno]
        try bench.accept()
        settle(&bench)
        let active = bench.worker.table.count
        #expect(active == 0 && bench.count(.cutForShortage) == 1 && bench.count(.connectShortOfDescriptors) == 1)
        #expect(!bench.script.open.contains { $0.intent == .accept }, "the accept is withdrawn")
    }

    @Test("a connect that the ring calls done and SO_ERROR does not is a failed one")
    func softConnectError() throws {
        var bench = try ScriptedWorker(upstreams: 2)
        try bench.accept()
        bench.script.pendingError = Errno.hostUnreachable
        let first = try #require(bench.script.open.first { $0.intent == .connect })
        bench.script.answer(first, .connect, 0)
        bench.worker.turn()
        #expect(bench.count(.connectUnreachable) == 1 && bench.count(.tied) == 0)
        bench.script.pendingError = 0
        let second = try #require(bench.script.open.first { $0.intent == .connect })
        bench.script.answer(second, .connect, 0)
        bench.worker.turn()
        #expect(bench.count(.tied) == 1 && bench.count(.connectAttempts) == 2)
    }

    @Test(
        "a failed connect tries the next upstream, and gives the client up after the last",
        arguments: [
            (Errno.refused, Counter.connectRefused), (Errno.timedOut, .connectTimedOut),
            (Errno.hostUnreachable, .connectUnreachable), (Errno.networkUnreachable, .connectUnreachable),
            (Errno.addressNotAvailable, .connectNoPort), (Errno.noMemory, .connectFailedOtherwise),
        ])
    func connect(errno: Int32, counter: Counter) throws {
        var bench = try ScriptedWorker(upstreams: 2)
        try bench.accept()
        for attempt in 1...2 {
            let connect = try #require(bench.script.open.first { $0.intent == .connect })
            bench.script.answer(connect, .connect, errno)
            bench.worker.turn()
            #expect(bench.count(counter) == UInt64(attempt))
        }
        let active = bench.worker.table.count
        #expect(active == 0 && bench.count(.connectFailed) == 1 && bench.count(.connectAttempts) == 2)
        #expect(bench.script.attached == bench.script.detached + 1)  // the bell
    }

    private func checked(_ servers: Int, resetting: Bool = true) -> PoolSet {
        let addresses = (0..<servers).compactMap { SocketAddress(numeric: "127.0.0.1", port: UInt16(1 + $0)) }
        var pool = PoolSettings(addresses.map { ServerSettings($0) }, .first)
        pool.isChecked = true
        pool.resetsSessionsOfFallen = resetting
        return PoolSet([pool])
    }

    @Test("when a server goes down its sessions end, and those of others do not")
    func fallenServer() throws {
        let set = checked(2)
        var bench = try ScriptedWorker(upstreams: 2) { $0.target = .pools(set) }
        try bench.tie()
        try bench.tie()
        set.states.goDown(1)
        settle(&bench)
        let before = bench.worker.table.count
        #expect(before == 2 && bench.count(.serverDown) == 0)
        set.states.goDown(0)
        settle(&bench)
        let after = bench.worker.table.count
        #expect(after == 0 && bench.count(.serverDown) == 2 && bench.count(.closed) == 2)
        #expect(bench.script.breaches == [])
    }

    @Test("a connect to a server that goes down is given up for another one")
    func fallenWhileConnecting() throws {
        let set = checked(2)
        var bench = try ScriptedWorker(upstreams: 2) { $0.target = .pools(set) }
        try bench.accept()
        set.states.goDown(0)
        settle(&bench)
        let second = try #require(bench.script.open.first { $0.intent == .connect })
        bench.script.answer(second, .connect, 0)
        settle(&bench)
        #expect(bench.count(.tied) == 1 && bench.count(.connectAttempts) == 2)
    }

    @Test("sessions of a server that goes down are kept where nothing else is asked for")
    func keptSessions() throws {
        let set = checked(1, resetting: false)
        var bench = try ScriptedWorker { $0.target = .pools(set) }
        try bench.tie()
        set.states.goDown(0)
        settle(&bench)
        let active = bench.worker.table.count
        #expect(active == 1)
        // Who comes now is not connected.
        try bench.accept()
        settle(&bench)
        let left = bench.worker.table.count
        #expect(left == 1 && bench.count(.noServer) == 1 && bench.count(.connectFailed) == 1)
        #expect(bench.count(.connectAttempts) == 1)
    }

    @Test("each of very many upstreams is tried once, and then the client is given up")
    func manyUpstreams() throws {
        var bench = try ScriptedWorker(upstreams: 300)
        try bench.accept()
        for _ in 0..<300 {
            let connect = try #require(bench.script.open.first { $0.intent == .connect })
            bench.script.answer(connect, .connect, Errno.refused)
            bench.worker.turn()
        }
        let active = bench.worker.table.count
        #expect(active == 0 && bench.count(.connectAttempts) == 300 && bench.count(.connectFailed) == 1)
    }

    @Test(
        "an accept that ends is armed again: at once, or after a pause when the machine is short",
        arguments: [
            (Errno.aborted, Counter.acceptAborted), (Errno.tooManyInProcess, .acceptShortOfDescriptors),
            (Errno.tooManyInSystem, .acceptShortOfDescriptors), (Errno.noBuffers, .acceptShortOfMemory),
            (Errno.noMemory, .acceptShortOfMemory), (Errno.notPermitted, .acceptFailedOtherwise),
        ])
    func acceptEnds(errno: Int32, counter: Counter) throws {
        var bench = try ScriptedWorker()
        let accept = try #require(bench.script.open.first { $0.intent == .accept })
        bench.script.answer(accept, .accept, errno)
        bench.worker.turn()
        #expect(bench.count(counter) == 1 && bench.count(.acceptEnded) == 1)
        let isArmed = { (script: Script) in script.open.contains { $0.intent == .accept } }
        #expect(isArmed(bench.script) == (counter == .acceptAborted))
        let end = Clock.nowMillis() + 200
        while !isArmed(bench.script) && Clock.nowMillis() < end {
            pause()
            bench.worker.turn()
        }
        #expect(isArmed(bench.script), "accepting again within 200 ms")
    }

    @Test("accepting pauses at the limit and goes on when there is room")
    func limit() throws {
        var bench = try ScriptedWorker { $0.connectionsMax = 2 }
        try bench.tie()
        try bench.tie()
        settle(&bench)
        #expect(!bench.script.open.contains { $0.intent == .accept })
        #expect(bench.count(.acceptPausedAtLimit) == 1)
        let slot0 = { (open: Script.Open) in open.tag.slot == 0 && open.intent == .rest && open.tag.direction == .up }
        let rest = try #require(bench.script.open.first(where: slot0))
        bench.script.answer(rest, .await, 1)
        bench.worker.turn()
        let move = try #require(bench.script.open.first { $0.tag.slot == 0 && $0.tag.direction == .up })
        bench.script.answer(move, fill: Errno.reset, drain: Errno.again)
        settle(&bench)
        #expect(bench.script.open.contains { $0.intent == .accept })
    }

    @Test("a full submission queue delays and loses nothing")
    func queueFull() throws {
        var bench = try ScriptedWorker()
        try bench.tie()
        bench.script.refusals = 3
        bench.wake(.up)
        settle(&bench, turns: 5)
        guard case .move = try #require(bench.script.intent(of: .up)).intent else {
            Issue.record("the move was not made up for")
            return
        }
    }

    @Test("an answer for a knot that is gone is counted and touches nobody")
    func stale() throws {
        var bench = try ScriptedWorker()
        try bench.tie()
        let tag = DataPlane.Tag(slot: 0, generation: 77, operation: .fill)
        bench.script.answers.append(Completion(tag: tag, result: 5))
        bench.script.answers.append(Completion(tag: DataPlane.Tag(rawValue: 0x7F), result: 5))
        bench.worker.turn()
        #expect(bench.count(.completionsStale) == 1 && bench.count(.completionsUnexpected) == 1)
        let active = bench.worker.table.count
        #expect(active == 1)
    }

    @Test("that has stood still for long does what is due once, and not for each tick that it has missed")
    func standstill() throws {
        var bench = try ScriptedWorker()
        try bench.tie()
        bench.wake(.up)
        let before = bench.script.cancels
        bench.script.millisPerTurn = 60_000
        bench.worker.turn()
        bench.script.millisPerTurn = 0
        bench.worker.turn()
        #expect(bench.script.cancels == before + 1)
    }

    @Test("a drain lets pairs finish and a cut ends them", arguments: [WorkerControl.Order.drain, .cut])
    func leave(order: WorkerControl.Order) throws {
        var bench = try ScriptedWorker()
        try bench.tie()
        bench.order(order)
        settle(&bench)
        let active = bench.worker.table.count
        #expect(active == (order == .drain ? 1 : 0))
        #expect(!bench.script.open.contains { $0.intent == .accept })
        if order == .drain { bench.order(.cut) }
        settle(&bench)
        let isDone = bench.worker.isDone
        #expect(isDone && bench.count(.drainCut) == 1)
    }
}
