import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

@Suite("The inbox of a worker")
struct InboxTests {
    private func newcomer(_ number: Int) -> Newcomer {
        Newcomer(
            socket: Int32(1_000_000 + number), listener: UInt16(number % 3), isTCP: number % 2 == 0,
            acceptedAtMillis: Int64(number))
    }

    @Test("gives newcomers in the order in which they came, many times round, and rings for the first of each run")
    func order() throws {
        let inbox = Inbox<Newcomer>(capacity: 5)
        let hatch = inbox.hatch
        hatch.open(ringing: 7)
        var (offered, taken) = (0, 0)
        for round in 0..<40 {
            let count = 1 + round % 5
            for place in 0..<count {
                let offer = hatch.offer(newcomer(offered))
                #expect(offer == (place == 0 ? .takenByRinging(7) : .taken))
                offered += 1
            }
            for _ in 0..<count {
                #expect(!hatch.isEmpty)
                #expect(hatch.take() == newcomer(taken))
                taken += 1
            }
            #expect(hatch.isEmpty && hatch.take() == nil)
        }
        #expect(offered == taken)
    }

    @Test("refuses when it is full, and takes again when there is room")
    func full() throws {
        let inbox = Inbox<Newcomer>(capacity: 3)
        let hatch = inbox.hatch
        hatch.open(ringing: 1)
        for number in 0..<3 { #expect(hatch.offer(newcomer(number)) != .refused) }
        #expect(hatch.offer(newcomer(3)) == .refused)
        #expect(hatch.take() == newcomer(0))
        #expect(hatch.offer(newcomer(4)) == .taken)
        #expect([1, 2, 4].allSatisfy { hatch.take() == newcomer($0) })
    }

    @Test("refuses before it is open and after it was closed, and still gives what is in it")
    func closed() throws {
        let inbox = Inbox<Newcomer>(capacity: 3)
        let hatch = inbox.hatch
        #expect(hatch.offer(newcomer(0)) == .refused && hatch.isEmpty)
        hatch.open(ringing: 0)
        #expect(hatch.offer(newcomer(1)) == .takenByRinging(0))
        hatch.close()
        #expect(hatch.offer(newcomer(2)) == .refused)
        #expect(hatch.take() == newcomer(1))
        #expect(hatch.take() == nil)
    }

    @Test("closes the sockets that nobody has taken")
    func leftBehind() throws {
        var (a, b) = (Int32(-1), Int32(-1))
        _ = try checked(clinux_socket_pair(&a, &b), "socketpair")
        let kept = TestSocket(a)
        do {
            let inbox = Inbox<Newcomer>(capacity: 3)
            inbox.hatch.open(ringing: 0)
            let left = Newcomer(socket: b, listener: 0, isTCP: false, acceptedAtMillis: 0)
            #expect(inbox.hatch.offer(left) == .takenByRinging(0))
        }
        #expect(try kept.receiveToEnd() == [])
    }

    @Test("loses none and repeats none between two threads that offer and one that takes and then closes it")
    func threads() throws {
        let bell = try checked(clinux_event(), "eventfd")
        defer { _ = clinux_close(bell) }
        let inbox = Inbox<Newcomer>(capacity: 16)
        inbox.hatch.open(ringing: bell)
        let givers = [GivingThread(inbox, first: 0), GivingThread(inbox, first: 1)]
        for giver in givers { try giver.start() }
        var taken: [Int64] = []
        let hatch = inbox.hatch
        while taken.count < 40_000 {
            // Sleeps as a worker does: a bell that is not rung shows as a second of silence.
            if hatch.isEmpty && clinux_wait_for_room(-1, bell, 1_000) == 0 {
                Issue.record("nobody rang for a second after \(taken.count)")
                break
            }
            _ = clinux_event_clear(bell)
            while let newcomer = hatch.take() { taken.append(newcomer.acceptedAtMillis) }
        }
        hatch.close()
        while let newcomer = hatch.take() { taken.append(newcomer.acceptedAtMillis) }
        for giver in givers { giver.join() }
        // Once it is closed nothing goes in any more, and each giver knows what became of its last one.
        #expect(hatch.isEmpty)
        for (parity, giver) in givers.enumerated() {
            let own = taken.filter { $0 % 2 == parity }
            #expect(own == (0..<Int64(own.count)).map { $0 * 2 + Int64(parity) })
            #expect(own.count == giver.given)
        }
    }
}

/// Offers numbered newcomers as fast as they are taken, until the inbox is closed.
private final class GivingThread: @unchecked Sendable {
    private let inbox: Inbox<Newcomer>
    private let first: Int64
    private var thread: NamedThread?
    // Written by the thread before it ends and read after it was joined.
    private(set) var given = 0

    init(_ inbox: Inbox<Newcomer>, first: Int64) {
        self.inbox = inbox
        self.first = first
    }

    func start() throws { thread = try NamedThread("giver") { self.main() } }

    func join() { thread?.join() }

    private func main() {
        let hatch = inbox.hatch
        var refusals = 0
        while refusals < 2_000 {
            let newcomer = Newcomer(
                socket: 1_000_000, listener: 0, isTCP: true, acceptedAtMillis: Int64(given) * 2 + first)
            switch hatch.offer(newcomer) {
            case .refused:
                // Full for a moment, or closed for good.
                refusals += 1
                pause()
                continue
            case .taken: break
            case .takenByRinging(let bell): _ = clinux_event_ring(bell)
            }
            refusals = 0
            given += 1
            if given >= 20_000 { return }
        }
    }
}

@Suite("The placement of newcomers")
struct PlacementTests {
    private func newcomer() -> Newcomer { Newcomer(socket: 9, listener: 0, isTCP: true, acceptedAtMillis: 0) }

    private func loads(_ placement: Placement) -> [Int] {
        (0..<placement.loads.count).map { placement.loads[$0] }
    }

    /// Who gets each of `count` newcomers that one worker accepts, as loads.
    private func spread(_ count: Int, over workers: Int, acceptedBy acceptor: Int = 0) -> [Int] {
        let placement = Placement(workers: workers)
        var seat = placement.seat(of: acceptor)
        for worker in 0..<workers { placement.seat(of: worker).open(ringing: 0) }
        for _ in 0..<count { _ = seat.place(newcomer(), mayLeave: true, at: 1) }
        // Nothing here is a socket.
        for worker in 0..<workers { while placement.seat(of: worker).take() != nil {} }
        return loads(placement)
    }

    @Test(
        "spreads few connections exactly, although one worker accepts them all",
        arguments: [(1, 2), (2, 2), (3, 2), (4, 2), (8, 2), (16, 2), (5, 4), (12, 4), (64, 64), (20, 1)])
    func few(count: Int, workers: Int) throws {
        for acceptor in [0, workers - 1] {
            let spread = spread(count, over: workers, acceptedBy: acceptor)
            let most = try #require(spread.max())
            let least = try #require(spread.min())
            #expect(spread.reduce(0, +) == count && most - least <= 1, "\(spread)")
        }
    }

    @Test("bounds the difference among thousands by an eighth", arguments: [2, 4])
    func many(workers: Int) throws {
        let spread = spread(2_000, over: workers)
        let most = try #require(spread.max())
        let least = try #require(spread.min())
        #expect(spread.reduce(0, +) == 2_000 && most <= least + 2 + least / 8, "\(spread)")
    }

    @Test(
        "calls a load uneven by one connection among few, by an eighth among many",
        arguments: [
            (1, 0, false), (2, 0, true), (2, 1, false), (8, 7, false), (9, 7, true), (10, 8, false), (11, 8, true),
            (1_125, 1_000, false), (1_126, 1_000, false), (1_127, 1_000, true), (500, 500, false),
        ])
    func rule(own: Int64, least: Int64, isUneven: Bool) {
        #expect(LoadWords.isUneven(own: own, least: least) == isUneven)
    }

    @Test("keeps a newcomer whom the least loaded worker refuses, and the loads are right afterwards")
    func refused() {
        let placement = Placement(workers: 2)
        var seat = placement.seat(of: 0)
        for _ in 0..<5 { #expect(seat.place(newcomer(), mayLeave: true, at: 1) == .refused) }
        #expect(loads(placement) == [5, 0])
        for _ in 0..<5 { seat.leave() }
        #expect(loads(placement) == [0, 0])
    }

    @Test("keeps what must stay, and everything for a second after a shortage")
    func kept() {
        let placement = Placement(workers: 2)
        var seat = placement.seat(of: 0)
        let other = placement.seat(of: 1)
        other.open(ringing: 3)
        for _ in 0..<3 { #expect(seat.place(newcomer(), mayLeave: false, at: 1) == .refused) }
        other.tellShortage(at: 1_000)
        #expect(seat.place(newcomer(), mayLeave: true, at: 1_000) == .refused)
        #expect(seat.place(newcomer(), mayLeave: true, at: 1_999) == .refused)
        #expect(seat.place(newcomer(), mayLeave: true, at: 2_000) == .takenByRinging(3))
        #expect(loads(placement) == [5, 1] && other.take() == newcomer())
    }
}
