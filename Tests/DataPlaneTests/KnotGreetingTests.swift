import LinuxCalls
import Testing

@testable import DataPlane

/// A client is heard before a server is chosen for it.
@Suite("A knot greets")
struct KnotGreetingTests {
    let timeouts = Timeouts()

    /// A knot that waits for what its client says.
    private func greeting(owesHeader: Bool = true) -> Knot {
        var knot = Knot()
        knot.begin(client: 10, isTCP: true, relay: .adaptive, at: 5)
        #expect(knot.greet(owesHeader: owesHeader, accepted: 5) == Step.rest.on(.up))
        knot.up.submittedRest()
        return knot
    }

    @Test("by looking whenever the client is announced, and then connects")
    func looks() {
        var knot = greeting()
        #expect(knot.phase == .greeting && knot.inFlight == 1)
        #expect(knot.resumed(.await, .up, 1, at: 6) == .look)
        #expect(knot.inFlight == 0)
        #expect(knot.hasSaidTooLittle(seen: 1, needed: 16, canWait: true) == Step.rest.on(.up))
        knot.up.submittedRest()
        #expect(knot.resumed(.await, .up, 1, at: 7) == .look)
        knot.hasGivenHeader()
        #expect(!knot.owesHeader && knot.phase == .greeting)
        knot.hasGreeted(goingTo: 4, at: 8)
        #expect(knot.phase == .connecting && knot.pool == 4 && knot.sinceMillis == 8 && knot.up.state == .closed)
        knot.submittedConnect(11, isTCP: true, at: 8)
        #expect(knot.resumed(.connect, .up, 0, at: 9) == [Step.receive.on(.up), Step.receive.on(.down)])
    }

    @Test("a tick later where unread bytes would be announced for ever")
    func paced() {
        var knot = greeting()
        #expect(knot.resumed(.await, .up, 1, at: 6) == .look)
        // A UNIX socket cannot wait for more.
        let paced = Step.rest.on(.up).union(.later)
        #expect(knot.hasSaidTooLittle(seen: 3, needed: 16, canWait: false) == paced)
        // One that can was announced with less than it had to wait for.
        #expect(knot.hasSaidTooLittle(seen: 3, needed: 16, canWait: true) == Step.rest.on(.up))
        #expect(knot.hasSaidTooLittle(seen: 3, needed: 16, canWait: true) == paced)
        #expect(knot.hasSaidTooLittle(seen: 16, needed: 40, canWait: true) == Step.rest.on(.up))
    }

    @Test("until its time is up, from accept on, and no longer than it greets")
    func deadline() {
        var knot = greeting()
        #expect(knot.deadline(at: 6, timeouts) == 3_005)
        #expect(knot.expired(at: 3_004, timeouts) == [])
        #expect(knot.expired(at: 3_005, timeouts) == Step.withdraw.on(.up))
        #expect(knot.deadline(at: 3_005, timeouts) == 3_105)
        #expect(knot.resumed(.await, .up, Errno.canceled, at: 3_005) == .look)
        #expect(knot.expired(at: 3_006, timeouts) == .look)
        knot.hasGreeted(goingTo: 0, at: 3_010)
        #expect(knot.deadline(at: 3_010, timeouts) == 3_010 + timeouts.connectMillis)
        #expect(knot.expired(at: 3_011, timeouts) == [])
    }

    @Test("again a tick later where the kernel is short of memory, and is cut where it makes no sense")
    func troubles() {
        var knot = greeting()
        #expect(knot.resumed(.await, .up, Errno.noMemory, at: 6) == Step.rest.on(.up).union(.later))
        knot.up.submittedRest()
        #expect(knot.resumed(.await, .up, Errno.badDescriptor, at: 6) == .untie)
        #expect(knot.cause == .systemFailure)
    }

    @Test("and is cut while it waits: withdrawn first, then closed", arguments: [Cause.drain, .badPrologue])
    func cut(cause: Cause) {
        var knot = greeting()
        #expect(knot.cut(cause) == .untie && knot.inFlight == 1)
        #expect(knot.resumed(.await, .up, Errno.canceled, at: 9) == [])
        #expect(knot.inFlight == 0 && knot.resets == .both && knot.cause == cause)
        #expect(knot.deadline(at: 9, timeouts) == .max)
    }
}
