import LinuxCalls
import Testing

@testable import DataPlane

/// The closing table of ARCHITECTURE.md, case by case.
@Suite("A knot closes")
struct KnotClosingTests {
    let timeouts = Timeouts()

    /// A tied knot of two TCP sockets whose lanes both wait for their source with a chain out.
    private func tied(upstreamIsTCP: Bool = true) -> Knot {
        var knot = Knot()
        knot.begin(client: 10, isTCP: true, at: 0)
        knot.submittedConnect(11, isTCP: upstreamIsTCP, at: 0)
        #expect(knot.resumed(.connect, .up, 0, at: 0) == [Step.rest.on(.up), Step.rest.on(.down)])
        for direction in Direction.allCases {
            knot[direction].submittedRest()
            #expect(knot.resumed(.await, direction, 1, at: 0) == Step.move.on(direction))
            knot[direction].pipe = Int32(direction.rawValue)
            knot[direction].submittedMove(asking: 1 << 20)
        }
        return knot
    }

    private func chain(_ knot: inout Knot, _ direction: Direction, _ fill: Int32, _ drain: Int32, at now: Int64 = 1)
        -> Step
    {
        #expect(knot.resumed(.fill, direction, fill, at: now) == [])
        return knot.resumed(.drain, direction, drain, at: now)
    }

    /// FIN from `direction`'s source: splice says 0, and a plain read confirms it.
    private func finish(_ knot: inout Knot, _ direction: Direction, at now: Int64 = 1) -> Step {
        #expect(chain(&knot, direction, 0, Errno.again, at: now) == .readPlainly(direction))
        return knot.hasReadPlainly(direction, 0, at: now)
    }

    /// The whole of a half-close of `direction`, watch included.
    private func end(_ knot: inout Knot, _ direction: Direction, at now: Int64 = 1) {
        #expect(finish(&knot, direction, at: now).contains(Step.passFin.on(direction)))
        knot.submittedWatch(of: direction.source)
        knot[direction].pipe = -1
    }

    @Test("one way on FIN: it is passed on, the pipe goes back, the other way lives", arguments: Direction.allCases)
    func finFromOne(direction: Direction) {
        var knot = tied()
        let step = finish(&knot, direction)
        #expect(step == [Step.passFin.on(direction), Step.giveBack.on(direction), Step.watch.on(direction)])
        #expect(knot.phase == .tied && knot.isHalfClosed)
        #expect(knot[direction.opposite].state == .moving)
    }

    @Test("both ways on two FINs, plainly")
    func finFromBoth() {
        var knot = tied()
        end(&knot, .up)
        #expect(finish(&knot, .down) == .untie)
        #expect(knot.cause == .finished && knot.resets == [])
    }

    @Test("not when splice says 0 and a plain read still finds bytes, or a reset")
    func falseEnd() {
        var knot = tied()
        #expect(chain(&knot, .up, 0, Errno.again) == .readPlainly(.up))
        #expect(knot.hasReadPlainly(.up, 1, at: 2) == Step.drainHeld.on(.up))
        #expect(knot.up.held == 1 && !knot.isHalfClosed)
        knot = tied()
        #expect(chain(&knot, .up, 0, Errno.again) == .readPlainly(.up))
        #expect(knot.hasReadPlainly(.up, Errno.reset, at: 2) == [.flush, Step.withdraw.on(.down)])
        #expect(knot.cause == .clientReset)
    }

    @Test("a side can hang up by a reset only, until FIN was sent to it")
    func hangUp() {
        var knot = tied()
        #expect(knot.canHangUp(.client) && knot.canHangUp(.upstream))
        end(&knot, .up)
        #expect(knot.canHangUp(.client) && !knot.canHangUp(.upstream))
        let unix = tied(upstreamIsTCP: false)
        #expect(!unix.canHangUp(.upstream))
    }

    @Test("not on data after the other side's FIN")
    func dataAfterFin() {
        var knot = tied()
        end(&knot, .up)
        #expect(chain(&knot, .down, 500, 500) == [Step.move.on(.down), Step.push.on(.down)])
        #expect(knot.phase == .tied && knot.down.bytesMoved == 500)
    }

    @Test("a way only after its pipe is empty: FIN is not read while bytes wait for a slow reader")
    func finBehindBytes() {
        var knot = tied()
        #expect(chain(&knot, .up, 500, 100) == Step.drainHeld.on(.up))
        knot[.up].submittedDrain()
        #expect(knot.up.state == .draining && knot.up.held == 400)
        #expect(knot.resumed(.drain, .up, 400, at: 2) == [Step.move.on(.up), Step.push.on(.up)])
    }

    @Test("with RST when a read says RST, after the survivor's queue is empty", arguments: Direction.allCases)
    func resetOnRead(direction: Direction) {
        var knot = tied()
        let step = chain(&knot, direction, Errno.reset, Errno.again)
        #expect(step == [.flush, Step.withdraw.on(direction.opposite)])
        #expect(knot.phase == .flushing && knot.lost == .only(direction.source))
        #expect(knot.resets == .only(direction.sink))
        #expect(knot.cause == direction.source.cause)
        #expect(knot.flushed() == .untie)
    }

    @Test("with RST when a write says RST, but first delivers what the lost side had sent")
    func resetOnWrite() {
        var knot = tied()
        // Towards the client fails; what the client sent before is still in its socket.
        #expect(chain(&knot, .down, 500, Errno.brokenPipe) == [])
        #expect(knot.phase == .tied && knot.lost == .client && knot.down.state == .over)
        #expect(chain(&knot, .up, 300, 300) == [Step.move.on(.up), Step.push.on(.up)])
        knot[.up].submittedMove(asking: 1 << 20)
        // sock_error() has told the error to the writer; the reader sees a plain end, which is none.
        #expect(finish(&knot, .up) == .flush)
        #expect(knot.resets == .upstream && knot.cause == .clientReset)
    }

    @Test("with RST when a side is lost after its FIN", arguments: Direction.allCases)
    func resetAfterFin(direction: Direction) {
        var knot = tied()
        end(&knot, direction)
        let step = knot.resumed(.watch, direction, PollEvents.hangup | PollEvents.error, goesOn: true, at: 2)
        #expect(step == [.flush, Step.withdraw.on(direction.opposite)])
        #expect(knot.resets == .only(direction.sink))
        #expect(knot.watched == .only(direction.source))
    }

    @Test("not when a side hangs up to which FIN was passed: its last bytes are still to be read")
    func hangUpAfterBothFins() {
        var knot = tied()
        // The upstream has sent FIN behind bytes that the client does not take; the client's direction was stuck as well, so
        // the upstream is watched. Then the client's FIN is passed on.
        _ = chain(&knot, .down, 500, 100)
        knot[.down].submittedDrain()
        knot.submittedWatch(of: .upstream)
        #expect(finish(&knot, .up).contains(Step.passFin.on(.up)))
        #expect(knot.resumed(.watch, .down, PollEvents.hangup, goesOn: true, at: 3) == [])
        #expect(knot.phase == .tied && knot.lost == [])
        #expect(knot.resumed(.drain, .down, 400, at: 4).contains(Step.move.on(.down)))
    }

    @Test("not when a UNIX socket hangs up after its FIN: what it sent can still be answered by a write")
    func unixHangup() {
        var knot = tied(upstreamIsTCP: false)
        end(&knot, .down)
        #expect(knot.resumed(.watch, .down, PollEvents.hangup, goesOn: true, at: 2) == [])
        #expect(knot.phase == .tied)
    }

    @Test("at once when both sides are lost")
    func bothLost() {
        var knot = tied()
        _ = chain(&knot, .up, Errno.reset, Errno.again)
        #expect(knot.resumed(.fill, .down, 100, at: 2) == [])
        end: do {
            // The downward chain belongs to a lane that is over: its bytes are dropped with the pipe.
            #expect(knot.resumed(.drain, .down, Errno.brokenPipe, at: 2) == [])
            #expect(knot.down.held == 100)
        }
        #expect(knot.flushed() == .untie)
    }

    @Test("with RST to both on the idle timeout, and not before")
    func idle() {
        var knot = tied()
        _ = chain(&knot, .up, 10, 10, at: 1_000)
        knot[.up].submittedMove(asking: 1 << 20)
        let due = 1_000 + timeouts.idleMillis
        #expect(!knot.expired(at: due - 1, timeouts).contains(.untie))
        #expect(knot.expired(at: due, timeouts) == .untie)
        #expect(knot.cause == .idleTimeout && knot.resets == .both)
    }

    @Test("with RST to both on the fin timeout of a half-closed pair that is silent")
    func finTimeout() {
        var knot = tied()
        end(&knot, .up, at: 1_000)
        #expect(knot.deadline(at: 1_000, timeouts) <= 1_000 + timeouts.finMillis)
        #expect(!knot.expired(at: 1_000 + timeouts.finMillis - 1, timeouts).contains(.untie))
        #expect(knot.expired(at: 1_000 + timeouts.finMillis, timeouts) == .untie)
        #expect(knot.cause == .finTimeout)
    }

    @Test("each fin timeout counts for the side that has ended first", arguments: Direction.allCases)
    func finTimeoutOfEach(direction: Direction) {
        var timeouts = Timeouts()
        timeouts.clientFinMillis = 700
        timeouts.serverFinMillis = 900
        let due: Int64 = direction == .up ? 700 : 900
        var knot = tied()
        end(&knot, direction, at: 1_000)
        #expect(!knot.expired(at: 999 + due, timeouts).contains(.untie))
        #expect(knot.expired(at: 1_000 + due, timeouts) == .untie && knot.cause == .finTimeout)
        #expect(timeouts.finMillisMax == 900)
    }

    @Test("with RST to both when it is as old as it may become, however busy")
    func lifetime() {
        var timeouts = Timeouts()
        timeouts.lifetimeMillis = 50_000
        var knot = tied()
        _ = chain(&knot, .up, 100, 100, at: 49_998)
        #expect(knot.deadline(at: 49_998, timeouts) <= 50_000)
        #expect(!knot.expired(at: 49_999, timeouts).contains(.untie))
        #expect(knot.expired(at: 50_000, timeouts) == .untie)
        #expect(knot.cause == .lifetime && knot.resets == .both && knot.outcome == (.longsplice, .lifetime))
    }

    @Test("each at another age, evenly spread over the jitter")
    func lifetimes() {
        var timeouts = Timeouts()
        timeouts.idleMillis = .max / 4
        timeouts.lifetimeMillis = 100_000
        timeouts.lifetimeJitterPercent = 20
        let ages = (0..<2_000).map { index in
            var knot = Knot()
            // As many at one moment, or one slot again and again.
            knot.generation = index < 1_000 ? 0 : UInt32(index)
            knot.begin(client: index < 1_000 ? Int32(index) : 5, isTCP: true, at: 0)
            knot.submittedConnect(9, isTCP: true, at: 0)
            _ = knot.resumed(.connect, .up, 0, at: 0)
            return knot.deadline(at: 0, timeouts)
        }
        #expect(ages.allSatisfy { (80_000...100_000).contains($0) })
        for half in [ages[..<1_000], ages[1_000...]] {
            for quarter in 0..<4 {
                let bounds = (80_000 + Int64(quarter) * 5_000)..<(85_000 + Int64(quarter) * 5_000)
                #expect(abs(half.count { bounds.contains($0) } - 250) < 70)
            }
        }
    }

    @Test("never by age where its sockets are lent, or the client is given a file")
    func noLifetime() {
        var timeouts = Timeouts()
        timeouts.lifetimeMillis = 10
        var lent = Knot()
        _ = lent.tieLent(3, 4, tcp: .both, relay: .copy, Knot.Terms(), at: 0)
        #expect(!lent.expired(at: 1_000, timeouts).contains(.untie))
        var answering = Knot()
        answering.begin(client: 3, isTCP: true, at: 0)
        _ = answering.answer(with: 7, at: 0)
        #expect(!answering.expired(at: 1_000, timeouts).contains(.untie))
    }

    @Test("never on the fin timeout while bytes wait for a slow reader")
    func finTimeoutWithBytes() {
        var knot = tied()
        end(&knot, .up, at: 1_000)
        _ = chain(&knot, .down, 500, 100, at: 1_000)
        knot[.down].submittedDrain()
        #expect(knot.expired(at: 1_000 + timeouts.finMillis * 2, timeouts) == [])
        #expect(knot.expired(at: 1_000 + timeouts.idleMillis, timeouts) == .untie)
        #expect(knot.cause == .idleTimeout)
    }

    @Test("a flush that never ends after the fin timeout")
    func flushTimeout() {
        var knot = tied()
        _ = chain(&knot, .up, Errno.reset, Errno.again, at: 5)
        #expect(knot.expired(at: 6, timeouts) == .flush)
        #expect(knot.deadline(at: 6, timeouts) == 6)
        #expect(knot.deadline(at: 10_005, timeouts) == 10_105)
        #expect(knot.expired(at: 5 + timeouts.finMillis, timeouts) == .untie)
    }

    @Test("with RST to both when a drain cuts it, once")
    func drain() {
        var knot = tied()
        #expect(knot.cut(.drain) == .untie)
        #expect(knot.cause == .drain && knot.resets == .both)
        #expect(knot.cut(.idleTimeout) == [])
        #expect(knot.cause == .drain)
    }

    @Test("only when everything in flight has answered")
    func join() {
        var knot = tied()
        end(&knot, .up)
        _ = knot.cut(.drain)
        #expect(knot.inFlight == 3)
        #expect(knot.resumed(.await, .down, Errno.canceled, at: 2) == [])
        #expect(knot.inFlight == 1)
        #expect(knot.resumed(.watch, .up, Errno.canceled, at: 2) == [])
        #expect(knot.inFlight == 0)
    }

    @Test("when no upstream can be had: RST where it was refused, FIN otherwise", arguments: [true, false])
    func giveUp(wasRefused: Bool) {
        var knot = Knot()
        knot.begin(client: 10, isTCP: true, at: 0)
        knot.submittedConnect(11, isTCP: true, at: 0)
        #expect(knot.resumed(.connect, .up, Errno.refused, at: 1) == .reconnect)
        #expect(knot.giveUp(.connectFailed, resettingClient: wasRefused) == .untie)
        #expect(knot.resets == (wasRefused ? .client : []))
    }

    @Test("a connect whose time is up, by withdrawing it")
    func connectTimeout() {
        var knot = Knot()
        knot.begin(client: 10, isTCP: true, at: 0)
        knot.submittedConnect(11, isTCP: true, at: 100)
        #expect(knot.deadline(at: 100, timeouts) == 100 + timeouts.connectMillis)
        #expect(knot.expired(at: 99 + timeouts.connectMillis, timeouts) == [])
        #expect(knot.expired(at: 100 + timeouts.connectMillis, timeouts) == .abandonConnect)
        #expect(knot.resumed(.connect, .up, Errno.canceled, at: 5_200) == .reconnect)
    }

    @Test("an echo once, since both its ends are one socket")
    func echo() {
        var knot = Knot()
        knot.begin(client: 10, isTCP: true, at: 0)
        #expect(knot.tieToItself(at: 0) == Step.rest.on(.up))
        knot[.up].submittedRest()
        #expect(knot.resumed(.await, .up, 1, at: 1) == Step.move.on(.up))
        knot[.up].submittedMove(asking: 100)
        #expect(finish(&knot, .up) == .untie)
        #expect(knot.cause == .finished)
    }
}

@Suite("A knot that lives")
struct KnotLifeTests {
    let timeouts = Timeouts()

    private func resting() -> Knot {
        var knot = Knot()
        knot.begin(client: 10, isTCP: true, at: 0)
        knot.submittedConnect(11, isTCP: true, at: 0)
        _ = knot.resumed(.connect, .up, 0, at: 0)
        knot[.up].submittedRest()
        knot[.down].submittedRest()
        return knot
    }

    @Test("lets a pipe go when its lane has been silent, and rests")
    func pipeIdle() {
        var knot = resting()
        _ = knot.resumed(.await, .up, 1, at: 10)
        knot[.up].pipe = 3
        knot[.up].submittedMove(asking: 100)
        #expect(knot.deadline(at: 10, timeouts) == 10 + timeouts.pipeIdleMillis)
        #expect(knot.expired(at: 9 + timeouts.pipeIdleMillis, timeouts) == [])
        #expect(knot.expired(at: 10 + timeouts.pipeIdleMillis, timeouts) == Step.withdraw.on(.up))
        // It is under way, and is not asked for again at once.
        #expect(knot.deadline(at: 10 + timeouts.pipeIdleMillis, timeouts) > 50 + timeouts.pipeIdleMillis)
        #expect(knot.resumed(.await, .up, Errno.canceled, at: 300) == [Step.giveBack.on(.up), Step.rest.on(.up)])
        #expect(knot.up.state == .resting)
    }

    @Test("waits a tick when the kernel is short of memory, and loses nothing")
    func starved() {
        var knot = resting()
        _ = knot.resumed(.await, .up, 1, at: 10)
        knot[.up].submittedMove(asking: 100)
        _ = knot.resumed(.fill, .up, 50, at: 11)
        #expect(knot.resumed(.drain, .up, Errno.noBuffers, at: 11) == [.later, Step.drainHeld.on(.up)])
        #expect(knot.up.held == 50)
    }

    @Test("turns from polling to watching when a sink that has sent FIN is full")
    func stuckSink() {
        var knot = resting()
        _ = knot.resumed(.await, .down, 1, at: 10)
        knot[.down].submittedMove(asking: 100)
        _ = knot.resumed(.fill, .down, 50, at: 11)
        #expect(knot.resumed(.drain, .down, Errno.again, at: 11) == Step.drainHeld.on(.down))
        knot[.down].submittedDrain()
        #expect(knot.resumed(.drain, .down, Errno.again, at: 12) == Step.watch.on(.up))
        knot.submittedWatch(of: .client)
        #expect(knot.resumed(.watch, .up, PollEvents.readHangup, goesOn: true, at: 13) == [])
        let told = knot.resumed(.watch, .up, PollEvents.readHangup | PollEvents.writable, goesOn: true, at: 14)
        #expect(told == Step.drainHeld.on(.down))
    }

    @Test("arms its watch again when a full completion queue has ended it")
    func watchEnded() {
        var knot = resting()
        _ = knot.resumed(.await, .up, 1, at: 10)
        knot[.up].submittedMove(asking: 100)
        _ = knot.resumed(.fill, .up, 0, at: 11)
        _ = knot.resumed(.drain, .up, Errno.again, at: 11)
        _ = knot.hasReadPlainly(.up, 0, at: 11)
        knot.submittedWatch(of: .client)
        #expect(knot.resumed(.watch, .up, PollEvents.readHangup, goesOn: false, at: 12) == Step.watch.on(.up))
    }
}
