import LinuxCalls
import Testing

@testable import DataPlane

/// A tied knot whose lanes copy, with the pool that its bytes are in: what the worker would do, without a worker.
struct CopyingKnot: ~Copyable {
    var knot = Knot()
    var pool = BufferPool(capacity: 64)
    private var engine: ScriptedEngine
    private let script = Script()

    init(_ relay: RelayPolicy = .adaptive, clientIsTCP: Bool = true, upstreamIsTCP: Bool = true) {
        engine = ScriptedEngine(script: script, bufferCount: 64)
        pool.supply(&engine)
        knot.begin(client: 10, isTCP: clientIsTCP, relay: relay, at: 0)
        knot.submittedConnect(11, isTCP: upstreamIsTCP, at: 0)
        #expect(knot.resumed(.connect, .up, 0, at: 0) == [Step.receive.on(.up), Step.receive.on(.down)])
        knot[.up].submittedReceive()
        knot[.down].submittedReceive()
    }

    /// Bytes have come. Where nothing is said of it, the receive goes on.
    mutating func receive(
        _ direction: Direction, _ bytes: Int32, goesOn: Bool = true, leavesMore: Bool = false, provesBulk: Bool = false,
        at now: Int64 = 1
    ) -> Step {
        let buffer = script.takeProvided()
        pool.took(buffer)
        if knot[direction].state == .copying {
            pool.append(buffer, UInt32(bytes), to: &knot[direction].copying.queue)
        } else {
            pool.release(buffer, &engine)
        }
        return knot.hasReceived(
            direction, bytes, goesOn: goesOn, leavesMore: leavesMore, provesBulk: provesBulk, at: now)
    }

    /// The receive is over: with an end, an errno or its withdrawal.
    mutating func endReceive(_ direction: Direction, _ result: Int32, at now: Int64 = 1) -> Step {
        knot.hasReceived(direction, result, goesOn: false, leavesMore: false, provesBulk: false, at: now)
    }

    mutating func submitSend(_ direction: Direction, waits: Bool = false) {
        let slice = pool.head(of: knot[direction].copying.queue)
        knot[direction].submittedSend(of: slice.length, waits: waits)
    }

    /// The send that is out has answered.
    mutating func answerSend(_ direction: Direction, _ result: Int32, at now: Int64 = 1) -> Step {
        if result > 0 { pool.sent(UInt32(result), of: &knot[direction].copying.queue, &engine) }
        return knot.resumed(.send, direction, result, at: now)
    }

    mutating func send(_ direction: Direction, _ result: Int32, at now: Int64 = 1) -> Step {
        submitSend(direction)
        return answerSend(direction, result, at: now)
    }

    /// The lane splices, and a chain of it is out.
    mutating func promote(_ direction: Direction) {
        #expect(receive(direction, 10, provesBulk: true).contains(Step.endReceive.on(direction)))
        knot[direction].submittedEndOfReceive()
        #expect(endReceive(direction, Errno.canceled) == Step.send.on(direction))
        #expect(send(direction, 10) == Step.move.on(direction))
        knot[direction].pipe = Int32(direction.rawValue)
        knot[direction].submittedMove(asking: 1 << 20)
    }

    mutating func chain(_ direction: Direction, _ fill: Int32, _ drain: Int32, at now: Int64 = 1) -> Step {
        #expect(knot.resumed(.fill, direction, fill, at: now) == [])
        return knot.resumed(.drain, direction, drain, at: now)
    }

    /// The whole of a half-close of `direction`, watch included.
    mutating func end(_ direction: Direction, at now: Int64 = 1) {
        #expect(endReceive(direction, 0, at: now).contains(Step.passFin.on(direction)))
        knot.submittedWatch(of: direction.source)
    }
}

@Suite("A knot that copies")
struct KnotCopyTests {
    let timeouts = Timeouts()

    @Test("sends what it receives, and receives meanwhile", arguments: RelayPolicy.allCases.filter { $0 != .splice })
    func copies(relay: RelayPolicy) {
        var bench = CopyingKnot(relay)
        var step = bench.receive(.up, 100, at: 5)
        #expect(step == Step.send.on(.up))
        bench.submitSend(.up)
        step = bench.receive(.up, 50)
        #expect(step == [])
        step = bench.answerSend(.up, 100, at: 7)
        #expect(step == Step.send.on(.up))
        step = bench.send(.up, 50, at: 9)
        #expect(step == [])
        let lane = bench.knot.up
        #expect(lane.bytesMoved == 150 && lane.activeAtMillis == 9 && lane.mode == .copy)
        #expect(lane.reason == (relay == .copy ? .pinned : .new) && !lane.hasPipe)
    }

    // MARK: From copying to splicing

    @Test("splices bulk only after the receive's last answer and with an empty queue", arguments: [true, false])
    func promotes(receiveFirst: Bool) {
        var bench = CopyingKnot()
        var step = bench.receive(.down, 100, provesBulk: true)
        #expect(step == [Step.send.on(.down), Step.endReceive.on(.down)])
        bench.knot[.down].submittedEndOfReceive()
        bench.submitSend(.down)
        step = receiveFirst ? bench.endReceive(.down, Errno.canceled) : bench.answerSend(.down, 100)
        #expect(step == [] && bench.knot.down.state == .copying)
        step = receiveFirst ? bench.answerSend(.down, 100) : bench.endReceive(.down, Errno.canceled)
        #expect(step == Step.move.on(.down))
        let (down, up) = (bench.knot.down, bench.knot.up)
        #expect(down.state == .moving && down.mode == .splice && down.reason == .bulk)
        #expect(up.state == .copying && up.mode == .copy, "each direction for itself")
    }

    @Test("sends what arrives while the receive is being withdrawn, before it splices")
    func dataWhileLeaving() {
        var bench = CopyingKnot()
        _ = bench.receive(.down, 100, provesBulk: true)
        bench.knot[.down].submittedEndOfReceive()
        bench.submitSend(.down)
        var step = bench.receive(.down, 30, leavesMore: true, provesBulk: true)
        #expect(step == [])
        step = bench.answerSend(.down, 100)
        #expect(step == Step.send.on(.down))
        step = bench.endReceive(.down, Errno.canceled)
        #expect(step == Step.send.on(.down))
        step = bench.send(.down, 10)
        #expect(step == Step.send.on(.down) && bench.knot.down.held == 20)
        step = bench.send(.down, 20)
        #expect(step == Step.move.on(.down) && bench.knot.down.bytesMoved == 130)
    }

    @Test("splices where the receive has brought bytes with its last answer")
    func dataWithLastAnswer() {
        var bench = CopyingKnot()
        var step = bench.receive(.up, 100, goesOn: false, provesBulk: true)
        #expect(step == Step.send.on(.up), "nothing is out that could be withdrawn")
        step = bench.send(.up, 100)
        #expect(step == Step.move.on(.up))
    }

    @Test("passes on a FIN that arrives while the receive is being withdrawn, and does not splice")
    func finWhileLeaving() {
        var bench = CopyingKnot()
        _ = bench.receive(.down, 100, provesBulk: true)
        bench.knot[.down].submittedEndOfReceive()
        var step = bench.endReceive(.down, 0)
        #expect(step == Step.send.on(.down))
        step = bench.send(.down, 100)
        #expect(step == [Step.passFin.on(.down), Step.giveBack.on(.down), Step.watch.on(.down)])
        #expect(bench.knot.down.state == .over)
        // Its withdrawal comes too late, and changes nothing.
        step = bench.knot.missedCancel(.down)
        #expect(step == [])
    }

    @Test("passes on a reset that arrives while the receive is being withdrawn, behind the bytes before it")
    func resetWhileLeaving() {
        var bench = CopyingKnot()
        _ = bench.receive(.down, 100, provesBulk: true)
        bench.knot[.down].submittedEndOfReceive()
        var step = bench.endReceive(.down, Errno.reset)
        #expect(step == Step.send.on(.down))
        step = bench.send(.down, 100)
        #expect(step == [.flush, Step.withdraw.on(.up)])
        #expect(bench.knot.cause == .upstreamReset && bench.knot.resets == .client)
    }

    @Test(
        "splices where the receive ends by itself while it is being withdrawn",
        arguments: [Errno.noBuffers, Errno.interrupted, Errno.again])
    func endsWhileLeaving(errno: Int32) {
        var bench = CopyingKnot()
        _ = bench.receive(.up, 100, provesBulk: true)
        bench.knot[.up].submittedEndOfReceive()
        var step = bench.endReceive(.up, errno)
        #expect(step == Step.send.on(.up), "no buffer is needed any more")
        step = bench.knot.missedCancel(.up)
        #expect(step == [])
        step = bench.send(.up, 100)
        #expect(step == Step.move.on(.up))
    }

    @Test("withdraws once more a receive that its withdrawal did not find")
    func missedCancel() {
        var bench = CopyingKnot()
        _ = bench.receive(.up, 100, provesBulk: true)
        bench.knot[.up].submittedEndOfReceive()
        var step = bench.knot.missedCancel(.up)
        #expect(step == Step.endReceive.on(.up))
        bench.knot[.up].submittedEndOfReceive()
        _ = bench.send(.up, 100)
        step = bench.endReceive(.up, Errno.canceled)
        #expect(step == Step.move.on(.up))
    }

    @Test("does not withdraw a receive that is wanted again")
    func missedCancelOfWanted() {
        var bench = CopyingKnot()
        for _ in 0..<Lane.buffersMax { _ = bench.receive(.up, 10) }
        bench.knot[.up].submittedEndOfReceive()
        for _ in 0..<Lane.buffersMax { _ = bench.send(.up, 10) }
        let step = bench.knot.missedCancel(.up)
        #expect(step == [])
        // Nobody knows whether it lives, so somebody looks.
        let due = bench.knot.expired(at: 1 + Lane.probeMillis, timeouts)
        #expect(due.contains(Step.probe.on(.up)))
    }

    @Test("withdraws a missed receive of a knot that is being untied with everything else")
    func missedCancelWhileUntying() {
        var bench = CopyingKnot()
        _ = bench.knot.cut(.drain)
        bench.knot[.up].submittedEndOfReceive()
        var step = bench.knot.missedCancel(.up)
        #expect(step == .untie)
        bench.knot[.up].submittedEndOfReceive()
        _ = bench.endReceive(.up, Errno.canceled)
        step = bench.knot.missedCancel(.up)
        #expect(step == [])
        #expect(bench.knot.inFlight == 1)
    }

    @Test("never splices where copying is asked for")
    func copyOnly() {
        var bench = CopyingKnot(.copy)
        var step = bench.receive(.up, 100, provesBulk: true)
        #expect(step == Step.send.on(.up))
        step = bench.send(.up, 100)
        #expect(step == [] && bench.knot.up.mode == .copy && bench.knot.up.reason == .pinned)
    }

    // MARK: From splicing to copying

    @Test("copies again after a silence: the pipe goes back and a receive is asked for")
    func quiet() {
        var bench = CopyingKnot()
        bench.promote(.down)
        #expect(bench.chain(.down, 5_000, 5_000, at: 10).contains(Step.move.on(.down)))
        bench.knot[.down].submittedMove(asking: 1 << 20)
        var step = bench.knot.expired(at: 9 + timeouts.pipeIdleMillis, timeouts)
        #expect(!step.contains(Step.withdraw.on(.down)))
        step = bench.knot.expired(at: 10 + timeouts.pipeIdleMillis, timeouts)
        #expect(step.contains(Step.withdraw.on(.down)) && !step.contains(Step.withdraw.on(.up)))
        step = bench.knot.resumed(.await, .down, Errno.canceled, at: 300)
        #expect(step == [Step.giveBack.on(.down), Step.receive.on(.down)])
        #expect(bench.knot.down.mode == .copy && bench.knot.down.reason == .quiet && bench.knot.down.inFlight == 0)
    }

    @Test("empties the pipe before it copies again")
    func quietWithBytes() {
        var bench = CopyingKnot()
        bench.promote(.down)
        var step = bench.chain(.down, 500, 100)
        #expect(step == Step.drainHeld.on(.down))
        bench.knot[.down].submittedDrain()
        step = bench.knot.resumed(.await, .down, Errno.canceled, at: 300)
        #expect(step == Step.drainHeld.on(.down) && bench.knot.down.mode == .splice)
        bench.knot[.down].submittedDrain()
        step = bench.knot.resumed(.drain, .down, 400, at: 301)
        #expect(step.contains(Step.move.on(.down)) && bench.knot.down.bytesMoved == 510)
    }

    @Test("gives a pipe back that it has no use for, whatever the reason", arguments: [RelayReason.small, .noPipe])
    func copyInstead(reason: RelayReason) {
        var bench = CopyingKnot()
        bench.promote(.up)
        _ = bench.chain(.up, 100, 100)
        let step = bench.knot.copyInstead(.up, reason, at: 2)
        #expect(step == [Step.giveBack.on(.up), Step.receive.on(.up)])
        #expect(bench.knot.up.mode == .copy && bench.knot.up.reason == reason)
    }

    @Test("can be promoted again after a demotion, and moves each byte once")
    func backAndForth() {
        var bench = CopyingKnot()
        for round in 1...5 as ClosedRange<UInt64> {
            bench.promote(.up)
            _ = bench.chain(.up, 1000, 1000)
            let step = bench.knot.copyInstead(.up, .small, at: 2)
            #expect(step == [Step.giveBack.on(.up), Step.receive.on(.up)])
            bench.knot[.up].pipe = -1
            bench.knot[.up].submittedReceive()
            #expect(bench.knot.up.bytesMoved == round * 1010 && bench.knot.up.held == 0)
        }
    }

    @Test("rests where splicing is asked for, and does not copy")
    func pinnedToSplicing() {
        var knot = Knot()
        knot.begin(client: 10, isTCP: true, relay: .splice, at: 0)
        knot.submittedConnect(11, isTCP: true, at: 0)
        #expect(knot.resumed(.connect, .up, 0, at: 0) == [Step.rest.on(.up), Step.rest.on(.down)])
        knot[.up].submittedRest()
        #expect(knot.resumed(.await, .up, 1, at: 1) == Step.move.on(.up))
        knot[.up].submittedMove(asking: 100)
        #expect(knot.resumed(.await, .up, Errno.canceled, at: 2) == [Step.giveBack.on(.up), Step.rest.on(.up)])
        #expect(knot.up.mode == .splice && knot.up.reason == .pinned)
    }

    // MARK: Waiting

    @Test("asks for a buffer as long as there is none, and sends on")
    func unbuffered() {
        var bench = CopyingKnot()
        _ = bench.receive(.up, 100)
        var step = bench.endReceive(.up, Errno.noBuffers)
        #expect(step == [Step.send.on(.up), Step.receive.on(.up)])
        bench.submitSend(.up)
        bench.knot[.up].submittedReceive()
        step = bench.endReceive(.up, Errno.noBuffers)
        #expect(step == Step.receive.on(.up))
    }

    @Test(
        "waits a tick when the kernel is short of memory, and loses nothing",
        arguments: [Errno.noMemory, Errno.noBuffers])
    func starved(errno: Int32) {
        var bench = CopyingKnot()
        _ = bench.receive(.up, 50)
        var step = bench.send(.up, errno)
        #expect(step == [.later, Step.send.on(.up)] && bench.knot.up.held == 50)
        bench.submitSend(.up, waits: true)
        step = bench.knot.resumed(.await, .up, errno, at: 2)
        #expect(step == [.later, Step.send.on(.up)] && bench.knot.up.held == 50)
        step = bench.endReceive(.up, Errno.noMemory)
        #expect(step == [.later, Step.send.on(.up), Step.receive.on(.up)])
    }

    @Test("waits for a full sink, and turns to watching where the sink has sent FIN")
    func stuckSink() {
        var bench = CopyingKnot()
        _ = bench.receive(.down, 50)
        var step = bench.send(.down, Errno.again)
        #expect(step == Step.send.on(.down) && bench.knot.down.copying.isSinkFull)
        bench.submitSend(.down, waits: true)
        step = bench.answerSend(.down, Errno.again)
        #expect(step == Step.watch.on(.up))
        bench.knot.submittedWatch(of: .client)
        step = bench.receive(.down, 20)
        #expect(step == [], "there is no room for that either")
        step = bench.knot.resumed(.watch, .up, PollEvents.readHangup, goesOn: true, at: 13)
        #expect(step == [])
        step = bench.knot.resumed(.watch, .up, PollEvents.readHangup | PollEvents.writable, goesOn: true, at: 14)
        #expect(step == Step.send.on(.down))
        bench.submitSend(.down, waits: true)
        step = bench.answerSend(.down, Errno.again)
        #expect(step == [], "the watch is out")
    }

    @Test("is looked at once, when a receive that has emptied its source stays silent")
    func probe() {
        var bench = CopyingKnot()
        _ = bench.receive(.up, 10, at: 1_000)
        _ = bench.send(.up, 10, at: 1_000)
        let due = 1_000 + Lane.probeMillis
        #expect(bench.knot.deadline(at: 1_000, timeouts) == due)
        var step = bench.knot.expired(at: due - 1, timeouts)
        #expect(step == [])
        step = bench.knot.expired(at: due, timeouts)
        #expect(step == Step.probe.on(.up))
        step = bench.knot.hasProbed(.up, hasEnded: false)
        #expect(step == [])
        step = bench.knot.expired(at: due + 1, timeouts)
        #expect(step == [] && bench.knot.deadline(at: due, timeouts) == 1_000 + timeouts.idleMillis)
    }

    @Test("receives afresh where somebody has seen the source's end")
    func probeHit() {
        var bench = CopyingKnot()
        _ = bench.receive(.up, 10)
        _ = bench.send(.up, 10)
        var step = bench.knot.hasProbed(.up, hasEnded: true)
        #expect(step == Step.endReceive.on(.up))
        bench.knot[.up].submittedEndOfReceive()
        step = bench.endReceive(.up, Errno.canceled)
        #expect(step == Step.receive.on(.up))
        // The receive had ended by itself, and there is nothing to be withdrawn.
        var other = CopyingKnot()
        _ = other.receive(.up, 10, goesOn: false)
        step = other.knot.hasProbed(.up, hasEnded: true)
        #expect(step == [])
    }

    @Test("carries where there is no buffer, rests when the source is dry, and copies when it wakes")
    func carries() {
        var bench = CopyingKnot()
        _ = bench.endReceive(.up, Errno.noBuffers)
        var step = bench.knot.hasCarried(.up, Carried(moved: 700), at: 2)
        #expect(step == Step.receive.on(.up) && bench.knot.up.bytesMoved == 700)
        step = bench.knot.hasCarried(.up, Carried(moved: 30, source: Errno.again), at: 3)
        #expect(step == Step.rest.on(.up) && bench.knot.up.state == .resting)
        bench.knot[.up].submittedRest()
        step = bench.knot.resumed(.await, .up, 1, at: 4)
        #expect(step == Step.receive.on(.up) && bench.knot.up.mode == .copy)
        step = bench.knot.hasCarried(.up, Carried(moved: 1, sink: Errno.again), at: 5)
        #expect(step == [.later, Step.receive.on(.up)] && bench.knot.up.bytesMoved == 731)
    }
}

/// The closing table of ARCHITECTURE.md for lanes that copy, case by case.
@Suite("A knot that copies closes")
struct KnotCopyClosingTests {
    let timeouts = Timeouts()

    @Test("one way on FIN: it is passed on, the other way lives", arguments: Direction.allCases)
    func finFromOne(direction: Direction) {
        var bench = CopyingKnot()
        let step = bench.endReceive(direction, 0)
        #expect(step == [Step.passFin.on(direction), Step.giveBack.on(direction), Step.watch.on(direction)])
        #expect(bench.knot.phase == .tied && bench.knot.isHalfClosed)
        let other = bench.knot[direction.opposite]
        #expect(other.state == .copying && other.copying.isReceiving)
    }

    @Test("both ways on two FINs, plainly")
    func finFromBoth() {
        var bench = CopyingKnot()
        bench.end(.up)
        let step = bench.endReceive(.down, 0)
        #expect(step == .untie && bench.knot.cause == .finished && bench.knot.resets == [])
    }

    @Test("a way only after the bytes before its FIN have been sent", arguments: Direction.allCases)
    func finBehindBytes(direction: Direction) {
        var bench = CopyingKnot()
        _ = bench.receive(direction, 100)
        _ = bench.receive(direction, 50)
        var step = bench.endReceive(direction, 0)
        #expect(step == Step.send.on(direction))
        step = bench.send(direction, 60)
        #expect(step == Step.send.on(direction))
        step = bench.send(direction, 40)
        #expect(step == Step.send.on(direction))
        step = bench.send(direction, 50)
        #expect(step.contains(Step.passFin.on(direction)) && bench.knot[direction].bytesMoved == 150)
    }

    @Test("a way whose FIN comes while a send is out, when that has answered")
    func finBehindSend() {
        var bench = CopyingKnot()
        _ = bench.receive(.up, 100)
        bench.submitSend(.up)
        var step = bench.endReceive(.up, 0)
        #expect(step == [])
        step = bench.answerSend(.up, 100)
        #expect(step.contains(Step.passFin.on(.up)))
    }

    @Test("both ways when the last FIN is behind bytes")
    func lastFinBehindBytes() {
        var bench = CopyingKnot()
        bench.end(.up)
        _ = bench.receive(.down, 100)
        var step = bench.endReceive(.down, 0)
        #expect(step == Step.send.on(.down))
        step = bench.send(.down, 100)
        #expect(step == .untie && bench.knot.cause == .finished)
    }

    @Test("not on data after the other side's FIN")
    func dataAfterFin() {
        var bench = CopyingKnot()
        bench.end(.up)
        var step = bench.receive(.down, 500)
        #expect(step == Step.send.on(.down))
        step = bench.send(.down, 500)
        #expect(step == [] && bench.knot.phase == .tied)
    }

    @Test("with RST when a receive says RST, after the survivor's queue is empty", arguments: Direction.allCases)
    func resetOnReceive(direction: Direction) {
        var bench = CopyingKnot()
        var step = bench.endReceive(direction, Errno.reset)
        #expect(step == [.flush, Step.withdraw.on(direction.opposite)])
        #expect(bench.knot.phase == .flushing && bench.knot.lost == .only(direction.source))
        #expect(bench.knot.resets == .only(direction.sink) && bench.knot.cause == direction.source.cause)
        step = bench.knot.flushed()
        #expect(step == .untie)
    }

    @Test("with RST only after the bytes before it have been sent", arguments: Direction.allCases)
    func resetBehindBytes(direction: Direction) {
        var bench = CopyingKnot()
        _ = bench.receive(direction, 100)
        bench.submitSend(direction)
        var step = bench.endReceive(direction, Errno.reset)
        #expect(step == [] && bench.knot.phase == .tied && bench.knot.lost == [])
        step = bench.answerSend(direction, 70)
        #expect(step == Step.send.on(direction))
        step = bench.send(direction, 30)
        #expect(step == [.flush, Step.withdraw.on(direction.opposite)] && bench.knot[direction].bytesMoved == 100)
    }

    @Test("with RST when a send says RST, but first delivers what the lost side had sent")
    func resetOnSend() {
        var bench = CopyingKnot()
        _ = bench.receive(.up, 300)
        bench.submitSend(.up)
        _ = bench.receive(.down, 500)
        var step = bench.send(.down, Errno.brokenPipe)
        #expect(step == Step.withdraw.on(.down), "its receive")
        #expect(bench.knot.phase == .tied && bench.knot.lost == .client && bench.knot.down.state == .over)
        step = bench.answerSend(.up, 300)
        #expect(step == [])
        step = bench.receive(.up, 20)
        #expect(step == Step.send.on(.up))
        // sock_error() has told the error to the sender; the receiver sees a plain end, which is none.
        step = bench.endReceive(.up, 0)
        #expect(step == Step.send.on(.up))
        step = bench.send(.up, 20)
        #expect(step == .flush && bench.knot.resets == .upstream && bench.knot.cause == .clientReset)
        #expect(bench.knot.down.held == 500, "dropped with the queue, and told by it")
    }

    @Test("with RST when both a send and a receive tell of the same side's end")
    func resetOnBoth() {
        var bench = CopyingKnot()
        _ = bench.receive(.down, 500)
        bench.submitSend(.down)
        var step = bench.endReceive(.up, Errno.reset)
        #expect(step == [.flush, Step.withdraw.on(.down)])
        step = bench.answerSend(.down, Errno.brokenPipe)
        #expect(step == [] && bench.knot.phase == .flushing)
        #expect(bench.knot.lost == .client && bench.knot.resets == .upstream)
    }

    @Test("at once when both sides are lost, though bytes are in their queues")
    func bothLost() {
        var bench = CopyingKnot()
        _ = bench.receive(.down, 500)
        _ = bench.receive(.up, 300)
        _ = bench.send(.down, Errno.brokenPipe)
        let step = bench.send(.up, Errno.reset)
        #expect(step == .untie && bench.knot.lost == .both && bench.knot.cause == .clientReset)
    }

    @Test("with RST when a side is lost after its FIN", arguments: Direction.allCases)
    func resetAfterFin(direction: Direction) {
        var bench = CopyingKnot()
        bench.end(direction)
        let step = bench.knot.resumed(
            .watch, direction, PollEvents.hangup | PollEvents.error, goesOn: true, at: 2)
        #expect(step == [.flush, Step.withdraw.on(direction.opposite)])
        #expect(bench.knot.resets == .only(direction.sink))
    }

    @Test("without a flush where the survivor is a UNIX socket, whose queue outlives its close")
    func unixSurvivor() {
        var bench = CopyingKnot(upstreamIsTCP: false)
        let step = bench.endReceive(.up, Errno.reset)
        #expect(step.contains(.untie) && !step.contains(.flush) && bench.knot.phase == .untying)
        #expect(bench.knot.cause == .clientReset)
    }

    @Test(
        "as the system's failure when the kernel says what it cannot say",
        arguments: [Errno.invalid, Errno.badDescriptor])
    func unexpected(errno: Int32) {
        var bench = CopyingKnot()
        var step = bench.endReceive(.up, errno)
        #expect(step == .untie && bench.knot.cause == .systemFailure && bench.knot.resets == .both)
        var other = CopyingKnot()
        _ = other.receive(.up, 10)
        step = other.send(.up, errno)
        #expect(step == .untie && other.knot.cause == .systemFailure)
    }

    @Test("never on the fin timeout while bytes are queued for a slow reader")
    func finTimeoutWithBytes() {
        var bench = CopyingKnot()
        bench.end(.up, at: 1_000)
        _ = bench.receive(.down, 500, at: 1_000)
        bench.submitSend(.down, waits: true)
        var step = bench.knot.expired(at: 1_000 + timeouts.finMillis * 2, timeouts)
        #expect(!step.contains(.untie))
        step = bench.knot.expired(at: 1_000 + timeouts.idleMillis, timeouts)
        #expect(step == .untie && bench.knot.cause == .idleTimeout)
    }

    @Test("with RST to both on the fin timeout of a half-closed pair that is silent")
    func finTimeout() {
        var bench = CopyingKnot()
        bench.end(.up, at: 1_000)
        var step = bench.knot.expired(at: 999 + timeouts.finMillis, timeouts)
        #expect(step == [])
        step = bench.knot.expired(at: 1_000 + timeouts.finMillis, timeouts)
        #expect(step == .untie && bench.knot.cause == .finTimeout && bench.knot.resets == .both)
    }

    @Test("only when everything in flight has answered")
    func join() {
        var bench = CopyingKnot()
        _ = bench.receive(.up, 100)
        bench.submitSend(.up, waits: true)
        _ = bench.knot.cut(.drain)
        #expect(bench.knot.inFlight == 3)
        // Bytes, withdrawals, and whatever else was under way: nothing of it is followed by anything.
        var step = bench.receive(.up, 10)
        #expect(step == [] && bench.knot.inFlight == 3)
        step = bench.endReceive(.up, Errno.canceled)
        #expect(step == [] && bench.knot.inFlight == 2)
        step = bench.knot.resumed(.await, .up, Errno.canceled, at: 2)
        #expect(step == [] && bench.knot.inFlight == 1)
        step = bench.endReceive(.down, Errno.noBuffers)
        #expect(step == [] && bench.knot.inFlight == 0)
    }

    @Test("an echo once, since both its ends are one socket")
    func echo() {
        var knot = Knot()
        knot.begin(client: 10, isTCP: true, relay: .adaptive, at: 0)
        #expect(knot.tieToItself(at: 0) == Step.receive.on(.up))
        knot[.up].submittedReceive()
        let step = knot.hasReceived(.up, 0, goesOn: false, leavesMore: false, provesBulk: false, at: 1)
        #expect(step == .untie && knot.cause == .finished)
    }
}
