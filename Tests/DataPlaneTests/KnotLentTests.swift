import LinuxCalls
import Testing

@testable import DataPlane

/// Sockets that somebody else has lent: they stay open, their last FIN is passed on too, and nobody is reset.
@Suite("A lent knot")
struct KnotLentTests {
    /// Tied, and each lane that lives has a chain out.
    private func tied(_ terms: Knot.Terms = Knot.Terms(), tcp: SideSet = .both, second: Int32 = 11) -> Knot {
        var knot = Knot()
        _ = knot.tieLent(10, second, tcp: tcp, relay: .splice, terms, at: 0)
        for direction in Direction.allCases where knot[direction].state == .resting {
            knot[direction].submittedRest()
            #expect(knot.resumed(.await, direction, 1, at: 0) == Step.move.on(direction))
            knot[direction].pipe = Int32(direction.rawValue)
            knot[direction].submittedMove(asking: 1 << 20)
        }
        return knot
    }

    private func chain(_ knot: inout Knot, _ direction: Direction, _ fill: Int32, _ drain: Int32) -> Step {
        #expect(knot.resumed(.fill, direction, fill, at: 1) == [])
        return knot.resumed(.drain, direction, drain, at: 1)
    }

    private func finish(_ knot: inout Knot, _ direction: Direction) -> Step {
        #expect(chain(&knot, direction, 0, Errno.again) == .readPlainly(direction))
        return knot.hasReadPlainly(direction, 0, at: 1)
    }

    private func hangUp(_ knot: inout Knot, _ side: Side) -> Step {
        knot.submittedWatch(of: side)
        return knot.resumed(.watch, side.outgoing, PollEvents.hangup | PollEvents.error, goesOn: true, at: 2)
    }

    // MARK: Beginning

    @Test("is tied at once, as its policy says")
    func begins() {
        for (relay, step) in [(RelayPolicy.splice, Step.rest), (.adaptive, .receive), (.copy, .receive)] {
            var knot = Knot()
            let begun = knot.tieLent(10, 11, tcp: .client, relay: relay, Knot.Terms(), at: 7)
            #expect(begun == [step.on(.up), step.on(.down)])
            #expect(knot.phase == .tied && knot.isLent && !knot.isLoopback && knot.sinceMillis == 7)
            #expect(knot.socket(of: .client) == 10 && knot.socket(of: .upstream) == 11)
            #expect(knot.canHangUp(.client) && !knot.canHangUp(.upstream), "of a UNIX socket it is no loss")
        }
    }

    @Test("one way, reads from the first alone and watches the second for its loss")
    func beginsOneWay() {
        var knot = Knot()
        let step = knot.tieLent(10, 11, tcp: .both, relay: .splice, Knot.Terms(isOneWay: true), at: 0)
        #expect(step == [Step.rest.on(.up), Step.watch.on(.down)])
        #expect(knot.down.state == .over && knot.phase == .tied)
        knot = Knot()
        let terms = Knot.Terms(isOneWay: true, keepsRecords: true)
        let records = knot.tieLent(10, 11, tcp: [], relay: .copy, terms, at: 0)
        #expect(records == Step.receive.on(.up), "of records there is no loss to watch for")
    }

    @Test("to itself, is one lane")
    func beginsLoopback() {
        var knot = Knot()
        #expect(knot.tieLent(10, -1, tcp: .client, relay: .splice, Knot.Terms(), at: 0) == Step.rest.on(.up))
        #expect(knot.isLoopback && knot.isLent && knot.tcp == .both)
        #expect(knot.socket(of: .upstream) == 10 && knot.down.state == .over)
    }

    // MARK: Ends of streams

    @Test("passes both FINs on, since nobody closes its sockets")
    func fins() {
        var knot = tied()
        let first = finish(&knot, .down)
        #expect(first == [Step.passFin.on(.down), Step.giveBack.on(.down), Step.watch.on(.down)])
        #expect(finish(&knot, .up) == [.untie, Step.passFin.on(.up)])
        #expect(knot.outcome == (.upstream, .fin) && knot.resets == [])
    }

    @Test("withholds both FINs where it is to")
    func withheld() {
        var knot = tied(Knot.Terms(withholdsFin: true))
        #expect(finish(&knot, .up) == [Step.giveBack.on(.up), Step.watch.on(.up)])
        #expect(finish(&knot, .down) == .untie)
        #expect(knot.outcome == (.client, .fin))
    }

    @Test("one way, ends with the first one's FIN", arguments: [true, false])
    func oneWayFin(withholds: Bool) {
        var knot = tied(Knot.Terms(isOneWay: true, withholdsFin: withholds))
        #expect(finish(&knot, .up) == (withholds ? .untie : [.untie, Step.passFin.on(.up)]))
        #expect(knot.outcome == (.client, .fin))
    }

    @Test("to itself, ends with its peer's FIN, and sends one", arguments: [true, false])
    func loopbackFin(withholds: Bool) {
        var knot = tied(Knot.Terms(withholdsFin: withholds), tcp: .client, second: -1)
        #expect(chain(&knot, .up, 500, 500) == [Step.move.on(.up), Step.push.on(.up)])
        knot.up.submittedMove(asking: 1 << 20)
        #expect(finish(&knot, .up) == (withholds ? .untie : [.untie, Step.passFin.on(.up)]))
        #expect(knot.outcome == (.client, .fin) && knot.up.bytesMoved == 500)
    }

    @Test("to itself, takes a hang-up for a loss only as long as no FIN was sent", arguments: [true, false])
    func loopbackHangUp(isShut: Bool) {
        var knot = tied(Knot.Terms(shut: isShut ? .client : []), tcp: .client, second: -1)
        let step = hangUp(&knot, .client)
        #expect(step == (isShut ? [] : .untie))
        #expect(knot.cause == (isShut ? .none : .clientReset))
    }

    // MARK: Losses

    @Test("ends at once when a read says RST: nothing of the survivor's is thrown away", arguments: Direction.allCases)
    func resetOnRead(direction: Direction) {
        var knot = tied()
        let step = chain(&knot, direction, Errno.reset, Errno.again)
        #expect(step == [.untie, Step.withdraw.on(direction.opposite)])
        #expect(knot.phase == .untying, "there is no close before which anything had to be flushed")
        #expect(knot.outcome == (ConnectionEnder(direction.source), .reset))
    }

    @Test("still reads what a side has sent that a write found gone")
    func resetOnWrite() {
        var knot = tied()
        #expect(chain(&knot, .down, 500, Errno.brokenPipe) == [])
        #expect(knot.phase == .tied && knot.lost == .client && knot.down.held == 500)
        #expect(chain(&knot, .up, 300, 300).contains(Step.move.on(.up)))
        knot.up.submittedMove(asking: 1 << 20)
        #expect(finish(&knot, .up) == .untie)
        #expect(knot.outcome == (.client, .reset) && knot.bytesHeld == 500, "which whoever lent it gets back")
    }

    @Test("takes a hang-up for a loss, but not of a side that had sent FIN before", arguments: Side.allCases)
    func hangUps(side: Side) {
        var knot = tied(Knot.Terms(shut: .only(side)))
        #expect(!knot.canHangUp(side) && knot.canHangUp(side.other))
        #expect(hangUp(&knot, side) == [])
        #expect(knot.phase == .tied && knot.lost == [])
        // The other one is no exception: it is lost, and what it has sent before is still read.
        #expect(hangUp(&knot, side.other) == Step.withdraw.on(side.outgoing))
        #expect(knot.lost == .only(side.other) && knot.phase == .tied)
        #expect(finish(&knot, side.other.outgoing) == .untie)
        #expect(knot.outcome == (ConnectionEnder(side.other), .reset))
    }

    @Test("one way, ends when its second one is gone, although nobody reads from it")
    func oneWayLoss() {
        var knot = tied(Knot.Terms(isOneWay: true))
        #expect(hangUp(&knot, .upstream) == [.untie, Step.withdraw.on(.up)])
        #expect(knot.outcome == (.upstream, .reset))
        let unix = tied(Knot.Terms(isOneWay: true), tcp: .client)
        #expect(!unix.canHangUp(.upstream), "of a UNIX socket a write tells")
    }

    // MARK: Limits

    @Test("that has moved its length goes on the other way, and passes no FIN on")
    func limitFirst() {
        var knot = tied()
        _ = chain(&knot, .up, 500, 500)
        #expect(knot.reachedLimit(.up, at: 3) == [Step.giveBack.on(.up), Step.watch.on(.up)])
        #expect(knot.hasReachedLimit && knot.phase == .tied && knot.up.state == .over)
        knot.submittedWatch(of: .client)
        #expect(chain(&knot, .down, 10, 10).contains(Step.move.on(.down)))
        knot.down.submittedMove(asking: 1 << 20)
        #expect(finish(&knot, .down) == [.untie, Step.passFin.on(.down)])
        #expect(knot.outcome == (.upstream, .fin), "the way back is what has ended it")
    }

    @Test("that has moved its length ends when the other way has ended before")
    func limitLast() {
        var knot = tied()
        _ = finish(&knot, .down)
        knot.submittedWatch(of: .upstream)
        _ = chain(&knot, .up, 500, 500)
        #expect(knot.reachedLimit(.up, at: 3) == .untie)
        #expect(knot.hasReachedLimit && knot.outcome == (.upstream, .fin))
        #expect(knot.reachedLimit(.up, at: 4) == [], "once")
    }

    @Test("that has moved its length asks for no second watch, and one of records for none")
    func limitWatches() {
        var knot = tied()
        knot.submittedWatch(of: .client)
        #expect(knot.reachedLimit(.up, at: 3) == Step.giveBack.on(.up))
        var records = Knot()
        _ = records.tieLent(10, 11, tcp: [], relay: .copy, Knot.Terms(keepsRecords: true), at: 0)
        #expect(records.reachedLimit(.up, at: 3) == Step.giveBack.on(.up))
    }

    @Test("one way or to itself, ends with its length", arguments: [11, -1])
    func limitAlone(second: Int32) {
        var knot = tied(Knot.Terms(isOneWay: second >= 0), second: second)
        #expect(knot.reachedLimit(.up, at: 3) == .untie)
        #expect(knot.hasReachedLimit && knot.cause == .finished)
    }

    @Test("that has moved its length is still told of a loss")
    func lossBehindLimit() {
        var knot = tied()
        _ = knot.reachedLimit(.up, at: 3)
        #expect(hangUp(&knot, .client) == [.untie, Step.withdraw.on(.down)])
        #expect(knot.outcome == (.client, .reset))
    }

    // MARK: Records

    @Test("of records awaits room where its sink is full, and ends by no watch")
    func records() {
        var knot = Knot()
        _ = knot.tieLent(10, 11, tcp: [], relay: .copy, Knot.Terms(keepsRecords: true), at: 0)
        #expect(knot.hasCarried(.up, Carried(moved: 10, sink: Errno.again), at: 1) == Step.watch.on(.down))
        knot.submittedWatch(of: .upstream)
        let told = knot.resumed(.watch, .down, PollEvents.hangup | PollEvents.writable, at: 2)
        #expect(told == Step.receive.on(.up) && knot.phase == .tied)
        #expect(knot.up.bytesMoved == 10 && knot.watched == [])
    }

    @Test("of records passes FIN on and watches nobody")
    func recordsEnd() {
        var knot = Knot()
        _ = knot.tieLent(10, 11, tcp: [], relay: .copy, Knot.Terms(keepsRecords: true), at: 0)
        #expect(knot.hasCarried(.up, Carried(source: 0), at: 1) == [Step.passFin.on(.up), Step.giveBack.on(.up)])
        #expect(knot.hasCarried(.down, Carried(source: 0), at: 1) == [.untie, Step.passFin.on(.down)])
    }

    // MARK: Taking back

    @Test("is taken back at any time, once, and keeps what its pipes hold")
    func takenBack() {
        var knot = tied()
        #expect(chain(&knot, .up, 500, 100) == Step.drainHeld.on(.up))
        knot.up.submittedDrain()
        #expect(knot.cut(.takenBack) == .untie)
        #expect(knot.outcome == (.longsplice, .takenBack) && knot.bytesHeld == 400)
        #expect(knot.inFlight == 3, "it ends when all of that has answered")
        #expect(knot.cut(.drain) == [] && knot.cause == .takenBack)
        #expect(knot.resumed(.await, .up, Errno.canceled, at: 2) == [])
        #expect(knot.resumed(.await, .down, Errno.canceled, at: 2) == [])
        #expect(knot.inFlight == 0 && knot.bytesHeld == 400)
    }

    @Test("is not taken back when it has ended, and a loss stays its cause")
    func takenBackTooLate() {
        var knot = tied()
        _ = finish(&knot, .up)
        _ = finish(&knot, .down)
        #expect(knot.cut(.takenBack) == [] && knot.cause == .finished)
        knot = tied()
        #expect(chain(&knot, .down, 500, Errno.brokenPipe) == [])
        #expect(knot.cut(.takenBack) == .untie)
        #expect(knot.cause == .clientReset, "the connection was gone before")
    }
}

@Suite("A knot that sends a file")
struct KnotFileTests {
    private func sending(isTCP: Bool = true) -> Knot {
        var knot = Knot()
        #expect(knot.beginSending(20, to: 11, isTCP: isTCP, at: 3) == Step.move.on(.up))
        return knot
    }

    /// A part is sent: bytes that the sink has taken, and what was said last.
    private func carry(_ knot: inout Knot, _ moved: Int32, file: Int32 = 1, sink: Int32 = 1) -> Step {
        knot.hasCarried(.up, Carried(moved: moved, source: file, sink: sink), at: 4)
    }

    @Test("has one lane, and nothing out")
    func begins() {
        let knot = sending()
        #expect(knot.phase == .tied && knot.isLent && knot.sendsFile && knot.down.state == .over)
        #expect(knot.socket(of: .client) == 20 && knot.socket(of: .upstream) == 11 && knot.tcp == .upstream)
        #expect(knot.inFlight == 0 && !knot.up.hasPipe)
        #expect(!knot.canHangUp(.client) && knot.canHangUp(.upstream), "a file does not hang up")
    }

    @Test("goes on from part to part, and ends with its length")
    func goesOn() {
        var knot = sending()
        #expect(carry(&knot, 500) == Step.move.on(.up))
        #expect(carry(&knot, 500) == Step.move.on(.up))
        #expect(knot.up.bytesMoved == 1_000)
        #expect(knot.reachedLimit(.up, at: 5) == .untie)
        #expect(knot.hasReachedLimit && knot.outcome.end == .fin)
    }

    @Test(
        "ends as the system's failure when the file has no more, or cannot be read",
        arguments: [0, Errno.inputOutput, Errno.badDescriptor, Errno.invalid, Errno.reset])
    func fileFails(file: Int32) {
        var knot = sending()
        #expect(carry(&knot, 100, file: file) == .untie)
        #expect(knot.outcome == (.longsplice, .systemFailure) && knot.up.bytesMoved == 100)
    }

    @Test("ends when its sink is gone, by a write or while it waits for room")
    func sinkGone() {
        var knot = sending()
        #expect(carry(&knot, 500, sink: Errno.brokenPipe) == .untie)
        #expect(knot.outcome == (.upstream, .reset))
        knot = sending()
        #expect(carry(&knot, 500, sink: Errno.again) == Step.watch.on(.down))
        knot.submittedWatch(of: .upstream)
        #expect(knot.resumed(.watch, .down, PollEvents.hangup, at: 5) == .untie)
        #expect(knot.outcome == (.upstream, .reset))
    }

    @Test("asks a UNIX socket that has hung up, which tells by a write")
    func unixHangUp() {
        var knot = sending(isTCP: false)
        #expect(carry(&knot, 500, sink: Errno.again) == Step.watch.on(.down))
        knot.submittedWatch(of: .upstream)
        #expect(knot.resumed(.watch, .down, PollEvents.hangup, at: 5) == Step.move.on(.up))
        #expect(knot.phase == .tied)
    }

    @Test("waits for a full sink once, and is asked nothing else")
    func fullSink() {
        var knot = sending()
        #expect(carry(&knot, 500, sink: Errno.again) == Step.watch.on(.down))
        knot.submittedWatch(of: .upstream)
        #expect(knot.inFlight == 1)
        #expect(knot.resumed(.watch, .down, PollEvents.writable, at: 6) == Step.move.on(.up))
        #expect(knot.inFlight == 0)
    }

    @Test("leaves a part that is not in the page cache to the worker")
    func cold() {
        var knot = sending()
        #expect(carry(&knot, 500, file: Errno.again) == [])
        #expect(knot.phase == .tied && knot.up.state == .moving)
    }
}
