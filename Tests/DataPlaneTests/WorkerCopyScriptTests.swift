import CLinux
import LinuxCalls
import Testing

@testable import DataPlane

@Suite("A worker that copies, answered by script")
struct WorkerCopyScriptTests {
    static let policies = [RelayPolicy.copy, .adaptive]
    static let passing = WorkerScriptTests.passing
    static let deadly = WorkerScriptTests.deadly

    private func settle(_ bench: inout ScriptedWorker, turns: Int = 4) { for _ in 0..<turns { bench.worker.turn() } }

    /// A tied pair, and a worker that changes its ways after few bytes.
    private func tied(_ policy: RelayPolicy, buffers: Int = 512) throws -> ScriptedWorker {
        var bench = try ScriptedWorker(buffers: buffers) {
            $0.relay = .restless(policy)
            $0.spinNanoseconds = 0
        }
        try bench.tie()
        return bench
    }

    private func expectSound(_ bench: borrowing ScriptedWorker, _ place: SourceLocation = #_sourceLocation) {
        #expect(bench.script.breaches == [], sourceLocation: place)
        #expect(bench.count(.completionsUnexpected) == 0 && bench.count(.completionsStale) == 0, sourceLocation: place)
    }

    /// Nothing of the pair is left, buffers included.
    private func expectGone(_ bench: borrowing ScriptedWorker, _ place: SourceLocation = #_sourceLocation) {
        let (active, filled) = (bench.worker.table.count, bench.worker.buffers.filled)
        #expect(active == 0 && filled == 0, sourceLocation: place)
        #expect(
            bench.script.open.allSatisfy { $0.intent == .accept || $0.tag.slot == Knot.nowhere }, sourceLocation: place)
        expectSound(bench, place)
    }

    @Test("an idle pair holds two sockets, no pipe and no buffer", arguments: policies)
    func idle(policy: RelayPolicy) throws {
        var bench = try tied(policy)
        settle(&bench)
        let (borrowed, filled) = (bench.worker.pipes.borrowed, bench.worker.buffers.filled)
        #expect(borrowed == 0 && filled == 0)
        #expect(bench.script.open.filter { $0.intent == .receive }.count == 2)
        #expect(bench.script.open.count == 4, "the receives, the accept and the bell")
    }

    @Test("sends what it has received in its order, and gives each buffer back", arguments: policies)
    func order(policy: RelayPolicy) throws {
        var bench = try tied(policy)
        for bytes in [100, 7, 300] as [Int32] { try bench.receive(.up, bytes) }
        var sent: [UInt32] = []
        while let (_, slice) = bench.script.send(of: .up) {
            sent.append(slice.length)
            try bench.send(.up, Int32(slice.length))
        }
        let filled = bench.worker.buffers.filled
        #expect(sent == [100, 7, 300] && filled == 0)
        #expect(bench.count(.bytesUp) == 407 && bench.count(.bytesCopied) == 407 && bench.count(.bytesDown) == 0)
        #expect(bench.count(.receives) == 3 && bench.count(.sends) == 3)
        expectSound(bench)
    }

    @Test("a receive's errno that passes keeps the flow", arguments: passing, policies)
    func receivePasses(errno: Int32, policy: RelayPolicy) throws {
        var bench = try tied(policy)
        bench.script.millisPerTurn = TimerWheel.tickMillis
        try bench.receive(.up, 100)
        try bench.receive(.up, errno, goesOn: false)
        settle(&bench)
        let active = bench.worker.table.count
        #expect(active == 1 && bench.script.receive(of: .up) != nil, "the receive is armed again")
        #expect(bench.script.send(of: .up)?.slice.length == 100)
        #expect(bench.count(.receivesUnbuffered) == (errno == Errno.noBuffers ? 1 : 0))
        expectSound(bench)
    }

    @Test("a receive's errno that ends the connection closes it and resets the other side", arguments: deadly, policies)
    func receiveEnds(errno: Int32, policy: RelayPolicy) throws {
        var bench = try tied(policy)
        try bench.receive(.up, errno, goesOn: false)
        settle(&bench)
        #expect(bench.count(.clientReset) == 1 && bench.count(.bytesDropped) == 0)
        expectGone(bench)
    }

    @Test("a receive's errno that ends the connection comes after the bytes before it", arguments: deadly, policies)
    func receiveEndsBehindBytes(errno: Int32, policy: RelayPolicy) throws {
        var bench = try tied(policy)
        try bench.receive(.up, 100)
        try bench.receive(.up, errno, goesOn: false)
        settle(&bench)
        #expect(bench.count(.closed) == 0)
        try bench.send(.up, 60)
        try bench.send(.up, 40)
        settle(&bench)
        #expect(bench.count(.clientReset) == 1 && bench.count(.bytesUp) == 100 && bench.count(.bytesDropped) == 0)
        expectGone(bench)
    }

    @Test("a send's errno that passes keeps every byte", arguments: passing, policies)
    func sendPasses(errno: Int32, policy: RelayPolicy) throws {
        var bench = try tied(policy)
        bench.script.millisPerTurn = TimerWheel.tickMillis
        try bench.receive(.down, 100)
        let slice = try #require(bench.script.send(of: .down)).slice
        try bench.send(.down, errno)
        settle(&bench)
        #expect(bench.script.send(of: .down)?.slice == slice)
        #expect(bench.count(.sendsBlocked) == (errno == Errno.again ? 1 : 0) && bench.count(.bytesDown) == 0)
        expectSound(bench)
    }

    @Test(
        "a failed wait for room that passes keeps every byte",
        arguments: [Errno.canceled, Errno.noMemory, Errno.noBuffers])
    func waitPasses(errno: Int32) throws {
        var bench = try tied(.copy)
        bench.script.millisPerTurn = TimerWheel.tickMillis
        try bench.receive(.down, 100)
        try bench.send(.down, Errno.again)
        let waiting = try #require(bench.script.send(of: .down))
        bench.script.answer(waiting.open, .await, errno)
        settle(&bench)
        #expect(bench.script.send(of: .down)?.slice == waiting.slice)
        expectSound(bench)
    }

    @Test("a short send goes on where it has stopped", arguments: policies)
    func shortSend(policy: RelayPolicy) throws {
        var bench = try tied(policy)
        try bench.receive(.up, 100)
        let first = try #require(bench.script.send(of: .up)).slice
        try bench.send(.up, 60)
        let rest = try #require(bench.script.send(of: .up)).slice
        #expect(first.length == 100 && rest == BufferSlice(buffer: first.buffer, offset: 60, length: 40))
        try bench.send(.up, 40)
        let filled = bench.worker.buffers.filled
        #expect(filled == 0 && bench.script.send(of: .up) == nil)
        expectSound(bench)
    }

    @Test("a send's errno that ends the connection drops the queue with its bytes", arguments: deadly, policies)
    func sendEnds(errno: Int32, policy: RelayPolicy) throws {
        var bench = try tied(policy)
        try bench.receive(.down, 100)
        try bench.receive(.down, 50)
        try bench.send(.down, errno)
        settle(&bench)
        #expect(bench.script.receive(of: .down) == nil, "the upstream is not read any more")
        // What the client sent before is read to its end.
        try bench.receive(.up, 30)
        try bench.send(.up, 30)
        try bench.receive(.up, 0, goesOn: false)
        settle(&bench)
        #expect(bench.count(.clientReset) == 1 && bench.count(.bytesDropped) == 150 && bench.count(.bytesUp) == 30)
        expectGone(bench)
    }

    @Test(
        "what a receive or a send cannot say closes the flow as the system's failure",
        arguments: [Errno.invalid, Errno.badDescriptor], [true, false])
    func impossible(errno: Int32, isSend: Bool) throws {
        var bench = try tied(.adaptive)
        if isSend {
            try bench.receive(.up, 10)
            try bench.send(.up, errno)
        } else {
            try bench.receive(.up, errno, goesOn: false)
        }
        settle(&bench)
        #expect(bench.count(.systemFailure) == 1 && bench.count(.bytesDropped) == (isSend ? 10 : 0))
        expectGone(bench)
    }

    @Test("bytes that come for a lane that is over are dropped and counted, and their buffer is given back")
    func late() throws {
        var bench = try tied(.copy)
        try bench.receive(.down, 100)
        let receive = try #require(bench.script.receive(of: .down))
        // The send fails, and bytes come in the same turn, before the withdrawal.
        let send = try #require(bench.script.send(of: .down)).open
        bench.script.answer(send, .send, Errno.brokenPipe)
        bench.script.answerReceive(receive, 70)
        bench.worker.turn()
        settle(&bench)
        try bench.receive(.up, 0, goesOn: false)
        settle(&bench)
        #expect(bench.count(.bytesDropped) == 170)
        expectGone(bench)
    }

    // MARK: A full submission queue

    @Test("a full submission queue delays receives, sends and withdrawals, and loses nothing", arguments: 1...6)
    func queueFull(refusals: Int) throws {
        var bench = try ScriptedWorker { $0.relay = .restless(.copy) }
        try bench.accept()
        let connect = try #require(bench.script.open.first { $0.intent == .connect })
        bench.script.answer(connect, .connect, 0)
        bench.script.refusals = refusals
        bench.worker.turn()
        settle(&bench, turns: refusals + 1)
        #expect(bench.script.open.filter { $0.intent == .receive }.count == 2)

        bench.script.refusals = refusals
        try bench.receive(.up, 100)
        settle(&bench, turns: refusals + 1)
        #expect(bench.script.send(of: .up)?.slice.length == 100)

        for _ in 1..<Lane.buffersMax { try bench.receive(.up, 100) }
        bench.script.refusals = refusals
        settle(&bench, turns: refusals + 2)
        #expect(bench.script.receive(of: .up) == nil, "withdrawn")

        bench.script.refusals = refusals
        bench.order(.cut)
        settle(&bench, turns: refusals + 4)
        try bench.sendIfOut(.up, 100)
        settle(&bench)
        #expect(bench.count(.drainCut) == 1)
        expectGone(bench)
    }

    @Test("a withdrawal that finds the queue full is made up for when the lane wants to splice")
    func withdrawalQueueFull() throws {
        var bench = try tied(.adaptive)
        try bench.receive(.up, 4096, leavesMore: true)
        bench.script.refusals = 2
        try bench.receive(.up, 4096, leavesMore: true)
        settle(&bench)
        #expect(bench.script.receive(of: .up) == nil)
        try bench.send(.up, 4096)
        try bench.send(.up, 4096)
        settle(&bench)
        #expect(bench.script.intent(of: .up)?.isMove == true)
        expectSound(bench)
    }

    // MARK: Shortage

    @Test("a pair without a buffer carries, and receives again when there is one")
    func carries() throws {
        var bench = try tied(.copy, buffers: 4)
        for _ in 0..<4 { try bench.receive(.down, 10) }
        bench.script.carried = Carried(moved: 300, source: Errno.again)
        try bench.receive(.up, 10)  // which finds no buffer
        settle(&bench)
        #expect(bench.count(.receivesUnbuffered) == 1)
        #expect(bench.count(.bytesCarried) == 300 && bench.count(.bytesUp) == 300)
        #expect(bench.script.intent(of: .up)?.intent == .rest, "the source is dry: wait for it with nothing in hand")
        for _ in 0..<4 { try bench.send(.down, 10) }
        bench.wake(.up)
        #expect(bench.script.receive(of: .up) != nil)
        try bench.receive(.up, 20)
        #expect(bench.script.send(of: .up)?.slice.length == 20)
        expectSound(bench)
    }

    @Test("a pair that carries goes on at once while there is more, and waits a tick for a full sink")
    func carriesOn() throws {
        var bench = try tied(.copy, buffers: 4)
        for _ in 0..<4 { try bench.receive(.down, 10) }
        bench.script.carried = Carried(moved: PlainCarry.budgetBytes)
        try bench.receive(.up, 10)
        settle(&bench, turns: 3)
        #expect(bench.count(.bytesCarried) == 3 * UInt64(PlainCarry.budgetBytes) && bench.script.waitNanoseconds == 0)
        bench.script.carried = Carried(moved: 5, sink: Errno.again)
        settle(&bench, turns: 2)
        #expect(bench.script.waitNanoseconds > 0)
        expectSound(bench)
    }

    @Test("a worker without a buffer sleeps while all it has waits for slow readers")
    func noSpinWithoutBuffers() throws {
        var bench = try tied(.copy, buffers: 4)
        for _ in 0..<4 { try bench.receive(.down, 10) }
        try bench.send(.down, Errno.again)
        try bench.receive(.down, 10)  // which finds no buffer
        settle(&bench)
        #expect(bench.script.receive(of: .down) == nil && bench.count(.receivesUnbuffered) == 1)
        #expect(bench.script.waitNanoseconds != 0)
        // A buffer is free again, and so the receive.
        try bench.send(.down, 10)
        settle(&bench)
        #expect(bench.script.receive(of: .down) != nil)
        expectSound(bench)
    }

    @Test("more buffers are given to the engine each time they did not suffice")
    func grows() throws {
        var bench = try tied(.copy)
        let before = bench.script.provided.count
        try bench.receive(.up, Errno.noBuffers, goesOn: false)
        #expect(before == BufferPool.wantedMin && bench.script.provided.count == 2 * before)
        #expect(bench.script.receive(of: .up) != nil)
    }

    @Test(
        "bulk that can have no pipe is copied on",
        arguments: [Errno.tooManyInProcess, Errno.noMemory, Errno.notPermitted])
    func noPipe(errno: Int32) throws {
        var bench = try tied(.adaptive)
        bench.script.pipeFailure = errno
        for _ in 0..<2 { try bench.receive(.up, 4096, leavesMore: true) }
        for _ in 0..<2 { try bench.send(.up, 4096) }
        settle(&bench)
        #expect(bench.count(.promotions) == 1 && bench.count(.demotionsForPipe) == 1)
        #expect(bench.count(.pipesUnavailable) >= 1 && bench.script.receive(of: .up) != nil)
        try bench.receive(.up, 10)
        #expect(bench.script.send(of: .up)?.slice.length == 10)
        expectSound(bench)
    }

    @Test("a pair that is to be spliced and can have no pipe is copied")
    func noPipeForSplice() throws {
        var bench = try tied(.splice)
        bench.script.pipeFailure = Errno.tooManyInProcess
        bench.wake(.down)
        settle(&bench)
        #expect(bench.script.receive(of: .down) != nil && bench.count(.demotionsForPipe) == 1)
        try bench.receive(.down, 10)
        #expect(bench.script.send(of: .down)?.slice.length == 10)
        expectSound(bench)
    }

    // MARK: Changes

    @Test("bulk is spliced once its receive has ended and its bytes are sent; the other way is copied on")
    func promotes() throws {
        var bench = try tied(.adaptive)
        try bench.receive(.down, 4096, leavesMore: true)
        #expect(bench.count(.promotions) == 0)
        try bench.receive(.down, 4096, leavesMore: true)
        settle(&bench)
        #expect(bench.count(.promotions) == 1 && bench.script.receive(of: .down) == nil)
        #expect(bench.script.intent(of: .down) == nil, "bytes are queued")
        try bench.send(.down, 4096)
        try bench.send(.down, 4096)
        #expect(bench.script.intent(of: .down)?.isMove == true && bench.script.receive(of: .up) != nil)
        let (filled, borrowed) = (bench.worker.buffers.filled, bench.worker.pipes.borrowed)
        #expect(filled == 0 && borrowed == 1)
        expectSound(bench)
    }

    @Test("bulk stays copied where copying is asked for")
    func copyOnly() throws {
        var bench = try tied(.copy)
        for _ in 0..<50 {
            try bench.receive(.down, 4096, leavesMore: true)
            try bench.send(.down, 4096)
        }
        let borrowed = bench.worker.pipes.borrowed
        #expect(bench.count(.promotions) == 0 && borrowed == 0)
        expectSound(bench)
    }

    @Test("a word from the other side ends a run, so that large messages with answers stay copied")
    func messages() throws {
        var bench = try tied(.adaptive)
        for _ in 0..<20 {
            try bench.receive(.down, 4096)
            try bench.send(.down, 4096)
            try bench.receive(.up, 10)
            try bench.send(.up, 10)
        }
        #expect(bench.count(.promotions) == 0)
        expectSound(bench)
    }

    /// Both kinds of evidence are in, and a chain is out.
    private func promoted() throws -> ScriptedWorker {
        var bench = try tied(.adaptive)
        for _ in 0..<2 { try bench.receive(.down, 4096, leavesMore: true) }
        for _ in 0..<2 { try bench.send(.down, 4096) }
        settle(&bench)
        return bench
    }

    @Test("fills that are too small for splice bring a direction back to copying")
    func demotesSmall() throws {
        var bench = try promoted()
        let move = try #require(bench.script.intent(of: .down))
        bench.script.answer(move, fill: 100, drain: 100)
        settle(&bench)
        let borrowed = bench.worker.pipes.borrowed
        #expect(bench.count(.demotionsSmall) == 1 && borrowed == 0)
        #expect(bench.script.receive(of: .down) != nil && bench.script.intent(of: .down) == nil)
        expectSound(bench)
    }

    @Test("a small fill that the sink takes in part is drained before the direction is copied again")
    func demotesAfterDrain() throws {
        var bench = try promoted()
        let move = try #require(bench.script.intent(of: .down))
        bench.script.answer(move, fill: 100, drain: 40)
        settle(&bench)
        let drain = try #require(bench.script.intent(of: .down))
        #expect(drain.intent == .drainHeld(60) && bench.count(.demotionsSmall) == 0)
        bench.script.answer(drain, .drain, 60)
        settle(&bench)
        #expect(bench.count(.demotionsSmall) == 1 && bench.script.receive(of: .down) != nil)
        let dropped = bench.count(.bytesDropped)
        #expect(dropped == 0 && bench.count(.pipesClosed) == 0, "the pipe is clean")
        expectSound(bench)
    }

    @Test("a silence brings a direction back to copying, and is counted")
    func demotesQuiet() throws {
        var bench = try promoted()
        bench.script.millisPerTurn = TimerWheel.tickMillis
        settle(&bench, turns: Int(Timeouts().pipeIdleMillis / TimerWheel.tickMillis) + 4)
        let borrowed = bench.worker.pipes.borrowed
        #expect(bench.count(.pipeIdleWithdrawals) == 1 && bench.count(.demotionsQuiet) == 1 && borrowed == 0)
        #expect(bench.script.receive(of: .down) != nil && bench.script.intent(of: .down) == nil)
        expectSound(bench)
    }

    // MARK: Looking and withdrawing

    @Test("a silent direction is looked at once")
    func probes() throws {
        var bench = try tied(.copy)
        try bench.receive(.up, 10)
        try bench.send(.up, 10)
        bench.script.millisPerTurn = 100
        settle(&bench, turns: 20)
        #expect(bench.count(.probes) == 1 && bench.count(.probesHit) == 0)
        try bench.receive(.up, 10)
        try bench.send(.up, 10)
        settle(&bench, turns: 20)
        #expect(bench.count(.probes) == 2, "and once more after it has spoken")
        #expect(bench.script.receive(of: .up) != nil)
        expectSound(bench)
    }

    @Test("a direction whose receive has missed the end gets a fresh one", arguments: [0, 2])
    func probeHits(refusals: Int) throws {
        var bench = try tied(.copy)
        try bench.receive(.up, 10)
        try bench.send(.up, 10)
        bench.clients[0].sendFin()
        bench.script.millisPerTurn = 100
        let before = bench.script.intents
        settle(&bench, turns: 2)
        bench.script.refusals = refusals
        settle(&bench, turns: 10)
        #expect(bench.count(.probes) == 1 && bench.count(.probesHit) == 1)
        #expect(bench.script.cancels == 1 && bench.script.intents == before + 1)
        try bench.receive(.up, 0, goesOn: false)
        #expect(bench.count(.halfCloses) == 1)
        expectSound(bench)
    }

    @Test("a receive that its withdrawal has not found is withdrawn again")
    func missedCancel() throws {
        var bench = try tied(.adaptive)
        try bench.receive(.up, 4096, leavesMore: true)
        let receive = try #require(bench.script.receive(of: .up))
        bench.script.answerReceive(receive, 4096, leavesMore: true)
        // On its way somewhere when it is looked for.
        bench.script.open.removeAll { $0.tag == receive.tag }
        bench.worker.turn()
        bench.script.open.append(receive)
        settle(&bench)
        #expect(bench.count(.cancelsMissed) == 1 && bench.script.cancels == 2)
        #expect(bench.script.receive(of: .up) == nil)
        try bench.send(.up, 4096)
        try bench.send(.up, 4096)
        #expect(bench.script.intent(of: .up)?.isMove == true)
        expectSound(bench)
    }

    @Test("a receive that ends by itself while it is being withdrawn is not waited for twice")
    func crossedCancel() throws {
        var bench = try tied(.adaptive)
        try bench.receive(.up, 4096, leavesMore: true)
        let receive = try #require(bench.script.receive(of: .up))
        // Its last answer, which says that it is over, comes with the bytes that make it unwanted.
        bench.script.answerReceive(receive, 4096, goesOn: true, leavesMore: true)
        bench.script.answerReceive(receive, 100, goesOn: false)
        bench.worker.turn()
        settle(&bench)
        #expect(bench.count(.cancelsMissed) == 1 && bench.script.receive(of: .up) == nil)
        for bytes in [4096, 4096, 100] as [Int32] { try bench.send(.up, bytes) }
        #expect(bench.script.intent(of: .up)?.isMove == true && bench.count(.bytesUp) == 8292)
        expectSound(bench)
    }

    @Test("a slow reader stops the receive, and starts it again when it has read most of it", arguments: policies)
    func slowReader(policy: RelayPolicy) throws {
        var bench = try tied(policy)
        for _ in 0..<Lane.buffersMax { try bench.receive(.up, 10) }
        settle(&bench)
        #expect(bench.script.receive(of: .up) == nil && bench.script.receive(of: .down) != nil)
        var filled = bench.worker.buffers.filled
        #expect(filled == Int(Lane.buffersMax))
        for left in (Lane.buffersToResume..<Lane.buffersMax).reversed() {
            #expect(bench.script.receive(of: .up) == nil)
            try bench.send(.up, 10)
            filled = bench.worker.buffers.filled
            #expect(filled == Int(left))
        }
        #expect(bench.script.receive(of: .up) != nil)
        expectSound(bench)
    }

    @Test("a pair that is cut gives back what is queued and waits for what is out", arguments: policies)
    func cut(policy: RelayPolicy) throws {
        var bench = try tied(policy)
        for _ in 0..<3 { try bench.receive(.up, 10) }
        try bench.receive(.down, 20)
        bench.order(.cut)
        bench.worker.turn()
        let active = bench.worker.table.count
        #expect(active == 1, "the kernel still reads from the buffers of two sends")
        try bench.send(.up, 10)
        try bench.send(.down, 20)
        settle(&bench)
        #expect(bench.count(.drainCut) == 1 && bench.count(.bytesDropped) == 20)
        expectGone(bench)
    }
}

extension Script.Open {
    var isMove: Bool { if case .move = intent { true } else { false } }
}

extension ScriptedWorker {
    /// The receive of a lane is answered.
    mutating func receive(
        _ direction: Direction, _ result: Int32, goesOn: Bool = true, leavesMore: Bool = false,
        _ place: SourceLocation = #_sourceLocation
    ) throws {
        let open = try #require(script.receive(of: direction), sourceLocation: place)
        script.answerReceive(open, result, goesOn: goesOn, leavesMore: leavesMore)
        worker.turn()
    }

    /// The send of a lane is answered.
    mutating func send(
        _ direction: Direction, _ result: Int32, _ place: SourceLocation = #_sourceLocation
    ) throws {
        let open = try #require(script.send(of: direction), sourceLocation: place).open
        script.answer(open, .send, result)
        worker.turn()
    }

    mutating func sendIfOut(_ direction: Direction, _ result: Int32) throws {
        if script.send(of: direction) != nil { try send(direction, result) }
    }
}
