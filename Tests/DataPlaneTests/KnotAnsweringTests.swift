import LinuxCalls
import Testing

@testable import DataPlane

/// A client without an upstream gets a file and FIN, and is heard to its end.
@Suite("A knot answers by itself")
struct KnotAnsweringTests {
    let timeouts = Timeouts()

    /// A knot whose file is on its way, and which waits for what the client says.
    private func answering() -> Knot {
        var knot = Knot()
        knot.begin(client: 10, isTCP: true, relay: .adaptive, at: 0)
        knot.submittedConnect(11, isTCP: true, at: 0)
        #expect(knot.resumed(.connect, .up, Errno.refused, at: 0) == .reconnect)
        knot.forgetUpstream()
        #expect(knot.answer(with: 12, at: 0) == [Step.rest.on(.up), Step.move.on(.down)])
        knot.up.submittedRest()
        knot.down.pipe = 0
        knot.down.submittedFileMove(asking: 1 << 20)
        return knot
    }

    private func chain(_ knot: inout Knot, _ fill: Int32, _ drain: Int32, at now: Int64 = 1) -> Step {
        #expect(knot.resumed(.fill, .down, fill, at: now) == [])
        return knot.resumed(.drain, .down, drain, at: now)
    }

    /// The client has something, or its end.
    private func hear(_ knot: inout Knot, at now: Int64 = 1) {
        #expect(knot.resumed(.await, .up, 1, at: now) == .discard)
    }

    private func sendWhole(_ knot: inout Knot, at now: Int64 = 1) {
        #expect(chain(&knot, 1000, 1000, at: now) == Step.move.on(.down))
        knot.down.submittedFileMove(asking: 1 << 20)
        #expect(chain(&knot, 0, Errno.again, at: now) == [Step.passFin.on(.down), Step.giveBack.on(.down)])
        knot.down.pipe = -1
    }

    @Test("with the file, FIN, and a close once the client has ended")
    func whole() {
        var knot = answering()
        sendWhole(&knot)
        #expect(knot.phase == .tied && knot.down.bytesMoved == 1000)
        hear(&knot)
        #expect(knot.hasDiscarded(500, at: 1) == .discard)
        #expect(knot.hasDiscarded(Errno.again, at: 1) == Step.rest.on(.up))
        knot.up.submittedRest()
        hear(&knot)
        #expect(knot.hasDiscarded(0, at: 2) == .untie)
        #expect(knot.resets == [], "nothing may throw the file away")
        #expect(knot.cause == .connectFailed && knot.inFlight == 0)
    }

    @Test("to the end of the file where the client has ended before, and then closes")
    func clientEndsFirst() {
        var knot = answering()
        hear(&knot)
        #expect(knot.hasDiscarded(0, at: 1) == Step.watch.on(.up))
        knot.submittedWatch(of: .client)
        #expect(chain(&knot, 1000, 1000) == Step.move.on(.down))
        knot.down.submittedFileMove(asking: 1 << 20)
        #expect(
            chain(&knot, 0, Errno.again) == [.untie, Step.passFin.on(.down), Step.giveBack.on(.down)])
        #expect(knot.resets == [])
    }

    @Test("and goes on with what a slow client has left of a chain")
    func slowClient() {
        var knot = answering()
        #expect(chain(&knot, 1000, 400) == Step.drainHeld.on(.down))
        knot.down.submittedDrain()
        #expect(knot.bytesHeld == 600)
        #expect(knot.resumed(.drain, .down, 600, at: 5) == Step.move.on(.down))
        #expect(knot.down.bytesMoved == 1000)
    }

    @Test("and ends at once where the client is lost, whoever notices", arguments: ["reading", "writing", "watching"])
    func lost(noticed: String) {
        var knot = answering()
        var step: Step = []
        switch noticed {
        case "reading":
            hear(&knot)
            step = knot.hasDiscarded(Errno.reset, at: 1)
        case "writing":
            step = chain(&knot, 1000, Errno.brokenPipe)
        default:
            hear(&knot)
            #expect(knot.hasDiscarded(0, at: 1) == Step.watch.on(.up))
            knot.submittedWatch(of: .client)
            step = knot.resumed(.watch, .up, PollEvents.hangup, at: 1)
        }
        #expect(step == .untie)
        #expect(knot.cause == .connectFailed)
    }

    @Test("and lives through what passes")
    func passing() {
        var knot = answering()
        #expect(knot.resumed(.await, .up, Errno.noMemory, at: 1) == [Step.rest.on(.up), .later])
        #expect(chain(&knot, Errno.noMemory, Errno.canceled) == [Step.move.on(.down), .later])
        knot.down.submittedFileMove(asking: 1 << 20)
        #expect(chain(&knot, Errno.interrupted, Errno.again) == Step.move.on(.down))
        knot.up.submittedRest()
        hear(&knot)
        #expect(knot.hasDiscarded(Errno.interrupted, at: 1) == Step.rest.on(.up))
        #expect(knot.phase == .tied)
    }

    @Test("and is cut where its file cannot be spliced")
    func notSpliceable() {
        var knot = answering()
        #expect(chain(&knot, Errno.invalid, Errno.again) == .untie)
        #expect(knot.resets == .both)
    }

    @Test("and waits for the client no longer than the FIN timeout, however much that says")
    func talker() {
        var knot = answering()
        sendWhole(&knot, at: 100)
        for now in stride(from: Int64(1_000), to: 30_000, by: 1_000) {
            hear(&knot, at: now)
            #expect(knot.hasDiscarded(1 << 20, at: now) == .discard)
            #expect(knot.hasDiscarded(Errno.again, at: now) == Step.rest.on(.up))
            knot.up.submittedRest()
            #expect(knot.expired(at: now, timeouts) == [])
        }
        #expect(knot.deadline(at: 30_000, timeouts) == 30_100)
        #expect(knot.expired(at: 30_099, timeouts) == [])
        #expect(knot.expired(at: 30_100, timeouts) == .untie)
        #expect(knot.resets == [], "a slow reader still gets the file from the kernel")
    }

    @Test("and is cut after the idle timeout where the client reads nothing")
    func stalled() {
        var knot = answering()
        #expect(chain(&knot, 1000, 400) == Step.drainHeld.on(.down))
        knot.down.submittedDrain()
        #expect(knot.expired(at: 3_600_000, timeouts) == [])
        #expect(knot.expired(at: 3_600_001, timeouts) == .untie)
        #expect(knot.resets == .both)
    }

    @Test("and is cut by a drain as others are")
    func drained() {
        var knot = answering()
        #expect(knot.cut(.drain) == .untie)
        #expect(knot.resets == .both)
    }
}
