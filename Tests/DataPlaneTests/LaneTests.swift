import LinuxCalls
import Testing

@testable import DataPlane

@Suite("A lane")
struct LaneTests {
    /// A lane whose chain for `length` bytes is out.
    private func moving(asking length: UInt32 = 1000) -> Lane {
        var lane = Lane()
        lane.move()
        lane.submittedMove(asking: length)
        return lane
    }

    /// A lane whose pipe holds 40 bytes, and whose drain for them is out.
    private func draining() -> Lane {
        var lane = moving()
        _ = lane.resumed(.fill, 100)
        #expect(lane.resumed(.drain, 60) == .blocked)
        lane.drain()
        lane.submittedDrain()
        return lane
    }

    @Test("judges a chain only when both answers are in, in whichever order they come")
    func order() {
        var lane = moving()
        #expect(lane.resumed(.fill, 100) == .incomplete)
        #expect(lane.resumed(.drain, 100) == .moved)
        lane = moving()
        #expect(lane.resumed(.drain, Errno.again) == .incomplete)
        #expect(lane.resumed(.fill, 100) == .blocked)
        #expect(lane.held == 100 && lane.inFlight == 0)
    }

    @Test(
        "knows what a chain has come to",
        arguments: [
            (100, 100, .moved, 0), (100, 60, .blocked, 40), (100, Errno.again, .blocked, 100),
            (100, Errno.interrupted, .blocked, 100), (100, Errno.canceled, .withdrawn, 100),
            (100, Errno.noMemory, .starved, 100), (100, Errno.brokenPipe, .sinkLost, 100),
            (100, Errno.reset, .sinkLost, 100), (100, Errno.invalid, .unexpected, 100), (100, 0, .blocked, 100),
            (0, Errno.again, .seemsEnded, 0), (Errno.again, Errno.again, .dry, 0),
            (Errno.interrupted, Errno.again, .dry, 0), (Errno.canceled, Errno.canceled, .withdrawn, 0),
            (Errno.noMemory, Errno.again, .starved, 0), (Errno.noBuffers, Errno.again, .starved, 0),
            (Errno.invalid, Errno.again, .notSpliceable, 0), (Errno.reset, Errno.again, .sourceLost, 0),
            (Errno.timedOut, Errno.again, .sourceLost, 0), (Errno.brokenPipe, Errno.again, .sourceLost, 0),
            (Errno.badDescriptor, Errno.badDescriptor, .unexpected, 0),
        ] as [(Int32, Int32, Lane.Outcome, Int32)])
    func chain(filled: Int32, drained: Int32, outcome: Lane.Outcome, held: Int32) {
        var lane = moving()
        _ = lane.resumed(.fill, filled)
        #expect(lane.resumed(.drain, drained) == outcome)
        #expect(lane.held == held)
        #expect(lane.inFlight == 0)
    }

    @Test("takes one failed wait for the whole chain")
    func withdrawn() {
        var lane = moving()
        #expect(lane.resumed(.await, Errno.canceled) == .withdrawn)
        #expect(lane.inFlight == 0 && lane.held == 0)
    }

    @Test("counts bytes when they reach the sink, and only then")
    func bytes() {
        var lane = draining()
        #expect(lane.bytesMoved == 60)
        #expect(lane.resumed(.drain, 40) == .moved)
        #expect(lane.bytesMoved == 100 && lane.held == 0)
    }

    @Test("that was told of room and had none waits for the watch, unless the watch spoke in between")
    func stuck() {
        var lane = draining()
        #expect(lane.resumed(.drain, Errno.again) == .stuck)
        #expect(lane.waitsForRoom && lane.held == 40)
        let woken = lane.sinkHasRoom()
        #expect(woken && !lane.waitsForRoom)

        lane = draining()
        let tooEarly = lane.sinkHasRoom()
        #expect(!tooEarly)
        #expect(lane.resumed(.drain, Errno.again) == .blocked)
    }

    @Test("knows that it asked for more than came, which can leave a tail corked")
    func askedTooMuch() {
        var lane = moving(asking: 100)
        _ = lane.resumed(.fill, 100)
        _ = lane.resumed(.drain, 100)
        #expect(!lane.askedTooMuch)
        lane = moving(asking: 101)
        _ = lane.resumed(.fill, 100)
        _ = lane.resumed(.drain, 100)
        #expect(lane.askedTooMuch)
    }

    @Test("that is announced again and again and stays dry is read plainly for once")
    func urgent() {
        var lane = Lane()
        var outcomes: [Lane.Outcome] = []
        for _ in 0..<Lane.dryInARowMax {
            lane.move()
            lane.submittedMove(asking: 10)
            _ = lane.resumed(.fill, Errno.again)
            outcomes.append(lane.resumed(.drain, Errno.again))
        }
        #expect(outcomes == [.dry, .dry, .dry, .notSpliceable])
        #expect(lane.hasReadPlainly(7) == .blocked)
        #expect(lane.held == 7 && lane.dryInARow == 0)
    }

    @Test("that is ended in the middle of a chain still knows whether its pipe is clean")
    func endedMidChain() {
        for (filled, drained, held) in [(100, Errno.brokenPipe, 100), (100, 100, 0), (Errno.again, Errno.again, 0)]
            as [(Int32, Int32, Int32)]
        {
            var early = moving()
            early.end()
            _ = early.resumed(.fill, filled)
            _ = early.resumed(.drain, drained)
            #expect(early.held == held)
            var late = moving()
            _ = late.resumed(.fill, filled)
            late.end()
            _ = late.resumed(.drain, drained)
            #expect(late.held == held)
            #expect(late.inFlight == 0)
        }
    }
}
