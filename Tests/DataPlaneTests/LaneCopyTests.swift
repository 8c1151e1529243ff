import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

@Suite("A copying lane")
struct LaneCopyTests {
    /// A lane whose receive is out.
    private func receiving() -> Lane {
        var lane = Lane()
        lane.copy(.new)
        #expect(lane.wantedSteps == .receive)
        lane.submittedReceive()
        return lane
    }

    /// A lane with 100 bytes, whose send for them is out.
    private func sending(waits: Bool = false) -> Lane {
        var lane = receiving()
        #expect(lane.hasReceived(100, goesOn: true, leavesMore: false) == .copied)
        #expect(lane.wantedSteps == .send)
        lane.submittedSend(of: 100, waits: waits)
        return lane
    }

    /// A lane that has `count` buffers full, and the pool that they are in.
    private struct Backlog: ~Copyable {
        var lane: Lane
        var pool = BufferPool(capacity: 64)
        var engine = ScriptedEngine(script: Script(), bufferCount: 64)

        init(_ lane: Lane, count: UInt16) {
            self.lane = lane
            pool.supply(&engine)
            for buffer in 0..<count { receive(buffer) }
        }

        mutating func receive(_ buffer: UInt16) {
            pool.took(buffer)
            pool.append(buffer, 10, to: &lane.copying.queue)
            #expect(lane.hasReceived(10, goesOn: true, leavesMore: true) == .copied)
        }

        mutating func send() {
            lane.submittedSend(of: 10, waits: false)
            pool.sent(10, of: &lane.copying.queue, &engine)
            #expect(lane.hasSent(10) == .copied)
        }
    }

    @Test(
        "knows what a receive has come to",
        arguments: [
            (100, true, .copied, 100, .none), (100, false, .copied, 100, .none), (0, false, .copied, 0, .fin),
            (Errno.again, false, .copied, 0, .none), (Errno.interrupted, false, .copied, 0, .none),
            (Errno.restart, false, .copied, 0, .none), (Errno.canceled, false, .copied, 0, .none),
            (Errno.noMemory, false, .starved, 0, .none), (Errno.noBuffers, false, .unbuffered, 0, .none),
            (Errno.reset, false, .copied, 0, .lost), (Errno.brokenPipe, false, .copied, 0, .lost),
            (Errno.timedOut, false, .copied, 0, .lost), (Errno.notConnected, false, .copied, 0, .lost),
            (Errno.aborted, false, .copied, 0, .lost), (Errno.hostUnreachable, false, .copied, 0, .lost),
            (Errno.networkUnreachable, false, .copied, 0, .lost), (-71, false, .copied, 0, .lost),
            (Errno.invalid, false, .unexpected, 0, .none), (Errno.badDescriptor, false, .unexpected, 0, .none),
        ] as [(Int32, Bool, Lane.Outcome, Int32, CopyState.SourceEnd)])
    func receive(result: Int32, goesOn: Bool, outcome: Lane.Outcome, held: Int32, end: CopyState.SourceEnd) {
        var lane = receiving()
        #expect(lane.hasReceived(result, goesOn: goesOn, leavesMore: false) == outcome)
        #expect(lane.held == held && lane.copying.sourceEnd == end)
        #expect(lane.copying.isReceiving == goesOn && lane.inFlight == (goesOn ? 1 : 0))
        #expect(lane.bytesMoved == 0, "nothing has reached the sink")
    }

    @Test(
        "knows what a send has come to",
        arguments: [
            (100, .copied, 0, false), (60, .copied, 40, true), (Errno.again, .copied, 100, true),
            (0, .copied, 100, true), (Errno.interrupted, .copied, 100, false), (Errno.restart, .copied, 100, false),
            (Errno.canceled, .copied, 100, false), (Errno.noMemory, .starved, 100, false),
            (Errno.noBuffers, .starved, 100, false), (Errno.reset, .sinkLost, 100, false),
            (Errno.brokenPipe, .sinkLost, 100, false), (Errno.timedOut, .sinkLost, 100, false),
            (Errno.notConnected, .sinkLost, 100, false), (Errno.hostUnreachable, .sinkLost, 100, false),
            (Errno.networkUnreachable, .sinkLost, 100, false), (Errno.invalid, .unexpected, 100, false),
            (Errno.badDescriptor, .unexpected, 100, false),
        ] as [(Int32, Lane.Outcome, Int32, Bool)])
    func send(result: Int32, outcome: Lane.Outcome, held: Int32, isSinkFull: Bool) {
        var lane = sending()
        #expect(lane.hasSent(result) == outcome)
        #expect(lane.held == held && lane.copying.isSinkFull == isSinkFull)
        #expect(lane.bytesMoved == UInt64(100 - held))
        #expect(lane.inFlight == 1 && !lane.copying.isSending, "the receive is out as before")
    }

    @Test("has one send out at a time, and receives meanwhile")
    func oneSend() {
        var lane = sending()
        #expect(lane.hasReceived(50, goesOn: true, leavesMore: false) == .copied)
        #expect(lane.wantedSteps == [] && lane.held == 150 && lane.inFlight == 2)
        #expect(!lane.isFlushed)
        #expect(lane.hasSent(100) == .copied)
        #expect(lane.wantedSteps == .send && lane.held == 50)
        #expect(!lane.isFlushed)
    }

    @Test("asks again for a receive that was over, and not for one that goes on")
    func receiveAgain() {
        var lane = receiving()
        _ = lane.hasReceived(Errno.interrupted, goesOn: false, leavesMore: false)
        #expect(lane.wantedSteps == .receive)
        lane = receiving()
        _ = lane.hasReceived(10, goesOn: true, leavesMore: false)
        #expect(lane.wantedSteps == .send)
        _ = lane.hasReceived(Errno.noBuffers, goesOn: false, leavesMore: false)
        #expect(lane.wantedSteps == [.send, .receive])
    }

    @Test("receives no more after the source's end, whatever it was", arguments: [0, Errno.reset] as [Int32])
    func ended(result: Int32) {
        var lane = sending()
        _ = lane.hasReceived(result, goesOn: false, leavesMore: false)
        #expect(lane.wantedSteps == [])
        _ = lane.hasSent(60)
        #expect(lane.wantedSteps == .send && !lane.isFlushed)
        lane.submittedSend(of: 40, waits: true)
        _ = lane.hasSent(40)
        #expect(lane.wantedSteps == [] && lane.isFlushed)
    }

    @Test("that was told of room and had none waits for the watch, unless the watch spoke in between")
    func stuck() {
        var lane = sending(waits: true)
        #expect(lane.isWaitingForSink)
        #expect(lane.hasSent(Errno.again) == .stuck)
        #expect(lane.waitsForRoom && !lane.wantedSteps.contains(.send))
        let woken = lane.sinkHasRoom()
        #expect(woken && lane.wantedSteps == .send)

        lane = sending(waits: true)
        let tooEarly = lane.sinkHasRoom()
        #expect(!tooEarly)
        #expect(lane.hasSent(Errno.again) == .copied)
        #expect(lane.wantedSteps == .send)
    }

    @Test(
        "takes one failed wait for the whole send",
        arguments: [
            (Errno.canceled, .copied), (Errno.noMemory, .starved), (Errno.noBuffers, .starved),
            (Errno.badDescriptor, .unexpected),
        ] as [(Int32, Lane.Outcome)])
    func failedWait(result: Int32, outcome: Lane.Outcome) {
        var lane = sending(waits: true)
        #expect(lane.resumed(.await, result) == outcome)
        #expect(lane.inFlight == 1 && lane.held == 100 && !lane.copying.isSending && !lane.isWaitingForSink)
        #expect(lane.wantedSteps == .send)
    }

    @Test("stops receiving at so many full buffers, and goes on when most of them are empty")
    func pause() {
        var backlog = Backlog(receiving(), count: Lane.buffersMax - 1)
        #expect(backlog.lane.wantedSteps == .send)
        backlog.receive(Lane.buffersMax - 1)
        #expect(backlog.lane.copying.isPaused && backlog.lane.wantedSteps == [.send, .endReceive])
        backlog.lane.submittedEndOfReceive()
        #expect(backlog.lane.wantedSteps == .send, "withdrawn once")
        // What was under way comes in still.
        backlog.receive(Lane.buffersMax)
        #expect(backlog.lane.hasReceived(Errno.canceled, goesOn: false, leavesMore: false) == .copied)
        while backlog.lane.copying.queue.count > Lane.buffersToResume + 1 {
            backlog.send()
            #expect(backlog.lane.wantedSteps == .send)
        }
        backlog.send()
        #expect(!backlog.lane.copying.isPaused && backlog.lane.wantedSteps == [.send, .receive])
    }

    @Test("waits for a withdrawn receive's last answer before it asks for the next one")
    func resumeEarly() {
        var backlog = Backlog(receiving(), count: Lane.buffersMax)
        backlog.lane.submittedEndOfReceive()
        while backlog.lane.copying.queue.count > 0 { backlog.send() }
        #expect(backlog.lane.wantedSteps == [])
        #expect(backlog.lane.hasReceived(Errno.canceled, goesOn: false, leavesMore: false) == .copied)
        #expect(backlog.lane.wantedSteps == .receive)
    }

    @Test("that leaves copying receives no more, but sends what it has")
    func leaving() {
        var lane = sending()
        lane.leaveCopying()
        #expect(lane.wantedSteps == .endReceive)
        lane.submittedEndOfReceive()
        #expect(lane.wantedSteps == [])
        _ = lane.hasReceived(20, goesOn: true, leavesMore: true)
        _ = lane.hasReceived(Errno.canceled, goesOn: false, leavesMore: false)
        #expect(lane.wantedSteps == [])
        _ = lane.hasSent(100)
        #expect(lane.wantedSteps == .send)
        lane.submittedSend(of: 20, waits: false)
        _ = lane.hasSent(20)
        #expect(lane.wantedSteps == [] && lane.isFlushed && lane.bytesMoved == 120)
    }

    @Test("begins to splice with nothing left of copying, and to copy with nothing left of splicing")
    func changes() {
        var lane = sending()
        _ = lane.hasReceived(Errno.canceled, goesOn: false, leavesMore: false)
        _ = lane.hasSent(60)
        lane.submittedSend(of: 40, waits: true)
        _ = lane.hasSent(40)
        lane.leaveCopying()
        lane.splice(.bulk)
        #expect(lane.state == .moving && lane.mode == .splice && lane.reason == .bulk)
        #expect(lane.hasSpliced && lane.inFlight == 0 && lane.held == 0 && lane.wantedSteps == [])
        lane.submittedMove(asking: 1000)
        _ = lane.resumed(.fill, 200)
        #expect(lane.resumed(.drain, 200) == .moved)
        lane.copy(.small)
        #expect(lane.state == .copying && lane.mode == .copy && lane.reason == .small)
        #expect(lane.wantedSteps == .receive && lane.bytesMoved == 300)
    }

    @Test("is unsure of a receive that has emptied the source, until somebody has looked")
    func unsure() {
        var lane = receiving()
        #expect(!lane.copying.isUnsure)
        _ = lane.hasReceived(10, goesOn: true, leavesMore: true)
        #expect(!lane.copying.isUnsure, "the receive will look again by itself")
        _ = lane.hasReceived(10, goesOn: true, leavesMore: false)
        #expect(lane.copying.isUnsure)
        lane.isSure()
        #expect(!lane.copying.isUnsure)
        _ = lane.hasReceived(10, goesOn: false, leavesMore: false)
        #expect(!lane.copying.isUnsure, "a fresh receive looks first")
    }

    @Test("takes a receive that its withdrawal did not find for one that may live")
    func missed() {
        var lane = receiving()
        lane.leaveCopying()
        lane.submittedEndOfReceive()
        lane.missedEndOfReceive()
        #expect(lane.copying.isUnsure && lane.wantedSteps == .endReceive)
        _ = lane.hasReceived(Errno.canceled, goesOn: false, leavesMore: false)
        lane.missedEndOfReceive()
        #expect(!lane.copying.isUnsure && lane.wantedSteps == [])
    }

    @Test("that is over still counts what was under way, and is joined when all of it has answered")
    func over() {
        var lane = sending(waits: true)
        lane.end()
        #expect(lane.inFlight == 2 && lane.wantedSteps == [])
        #expect(lane.hasReceived(30, goesOn: true, leavesMore: false) == .incomplete)
        #expect(lane.held == 100 && !lane.copying.isUnsure, "what comes now is nobody's")
        #expect(lane.hasSent(40) == .incomplete)
        #expect(lane.held == 60 && lane.bytesMoved == 40 && lane.inFlight == 1)
        #expect(lane.hasReceived(Errno.canceled, goesOn: false, leavesMore: false) == .incomplete)
        #expect(lane.inFlight == 0)
    }

    @Test("that is over is joined in whichever order its withdrawals come", arguments: [true, false])
    func overWithdrawn(sendFirst: Bool) {
        var lane = sending(waits: true)
        lane.end()
        if sendFirst {
            #expect(lane.resumed(.await, Errno.canceled) == .incomplete)
            #expect(lane.inFlight == 1)
        }
        #expect(lane.hasReceived(Errno.canceled, goesOn: false, leavesMore: false) == .incomplete)
        if !sendFirst {
            #expect(lane.inFlight == 1)
            #expect(lane.resumed(.await, Errno.canceled) == .incomplete)
        }
        #expect(lane.inFlight == 0 && lane.held == 100)
    }

    @Test("knows an answer to what it has not asked")
    func unexpected() {
        var lane = Lane()
        lane.copy(.new)
        #expect(lane.hasReceived(10, goesOn: true, leavesMore: false) == .unexpected)
        #expect(lane.hasSent(10) == .unexpected)
        #expect(lane.resumed(.await, Errno.canceled) == .unexpected)
        #expect(lane.inFlight == 0 && lane.held == 0 && lane.bytesMoved == 0)
    }
}
