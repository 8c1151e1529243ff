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
        return knot
    }

    /// The file is sent on: bytes that the client's socket has taken, and what was said last.
    private func carry(
        _ knot: inout Knot, _ moved: Int32, file: Int32 = 1, client: Int32 = 1, at now: Int64 = 1
    ) -> Step {
        knot.hasCarried(.down, Carried(moved: moved, source: file, sink: client), at: now)
    }

    /// The client has something, or its end.
    private func hear(_ knot: inout Knot, at now: Int64 = 1) {
        #expect(knot.resumed(.await, .up, 1, at: now) == .discard)
    }

    private func sendWhole(_ knot: inout Knot, at now: Int64 = 1) {
        #expect(carry(&knot, 600, at: now) == Step.move.on(.down), "a turn is over")
        #expect(carry(&knot, 400, file: 0, at: now) == Step.passFin.on(.down))
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
        #expect(knot.hasDiscarded(0, at: 1) == [])
        #expect(carry(&knot, 1000) == Step.move.on(.down))
        #expect(carry(&knot, 0, file: 0) == [.untie, Step.passFin.on(.down)])
        #expect(knot.resets == [])
    }

    @Test("and goes on when a slow client has room again", arguments: [false, true])
    func slowClient(hasEnded: Bool) {
        var knot = answering()
        if hasEnded {
            hear(&knot)
            #expect(knot.hasDiscarded(0, at: 1) == [])
        }
        #expect(carry(&knot, 400, client: Errno.again) == Step.watch.on(.up))
        knot.submittedWatch(of: .client)
        #expect(knot.expired(at: 100_000, timeouts) == [], "it waits for longer than the FIN timeout")
        #expect(knot.resumed(.watch, .up, PollEvents.writable, at: 5) == Step.move.on(.down))
        #expect(knot.down.bytesMoved == 400)
        #expect(carry(&knot, 600, file: 0, at: 6).contains(Step.passFin.on(.down)))
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
            step = carry(&knot, 0, client: Errno.brokenPipe)
        default:
            #expect(carry(&knot, 400, client: Errno.again) == Step.watch.on(.up))
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
        #expect(carry(&knot, 0, client: Errno.noMemory) == [Step.move.on(.down), .later])
        #expect(carry(&knot, 0, client: Errno.interrupted) == [Step.move.on(.down), .later])
        knot.up.submittedRest()
        hear(&knot)
        #expect(knot.hasDiscarded(Errno.interrupted, at: 1) == Step.rest.on(.up))
        #expect(knot.phase == .tied)
    }

    @Test("and is cut where its file cannot be read")
    func unreadable() {
        var knot = answering()
        #expect(carry(&knot, 0, file: Errno.inputOutput) == .untie)
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
        #expect(carry(&knot, 400, client: Errno.again) == Step.watch.on(.up))
        knot.submittedWatch(of: .client)
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
