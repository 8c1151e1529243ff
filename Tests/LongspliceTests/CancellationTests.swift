import CLinux
import LinuxCalls
import Longsplice
import Synchronization
import TestSupport
import Testing

/// The ledger over splices that are cancelled at any moment: what each end has sent is what the other one gets.
@Suite("splice, cancelled again and again", .serialized)
struct CancellationTests {
    private static let there = pattern(6_000_000, seed: 11)
    private static let back = pattern(6_000_000, seed: 12)

    #if TORTURE
        private static let rounds = 40
    #else
        private static let rounds = 2
    #endif

    @Test("loses nothing and repeats nothing", arguments: engines, [Scene.Family.ipv4, .unix])
    func ledger(engine: Splicer.Engine, family: Scene.Family) async throws {
        try await aside { try await Self.run(engine, family) }.value
    }

    private static func run(_ engine: Splicer.Engine, _ family: Scene.Family) async throws {
        let splicer = try Splicer(engine: engine)
        var cancelled = 0
        var handedBack = 0
        for round in 0..<Self.rounds {
            let scene = try Scene(family, round % 2 == 0 ? family : .ipv4)
            // So many cancellations are needed before everything may be sent, however slow the machine is.
            let progress = Progress()
            let ends = [
                try Talker(scene.near, sends: Self.there, expects: Self.back, seed: UInt64(round), progress),
                try Talker(scene.far, sends: Self.back, expects: Self.there, seed: UInt64(round) + 100, progress),
            ]
            var random = SystemRandomNumberGenerator()
            while true {
                // A bounded one each third time: those splice, and the others copy first.
                let length: UInt64? = random.next() % 3 == 0 ? .random(in: 0...400_000, using: &random) : nil
                let task = aside { try await splicer.splice(scene.a, to: scene.b, length: length) }
                await Self.sleep(micros: .random(in: 0...4_000, using: &random))
                task.cancel()
                let told: SplicingOutcome
                do {
                    told = try await task.value
                } catch let error as SpliceError where error.reason == .notConnected {
                    break  // FIN has gone both ways already
                }
                if told.ending == .finished { break }
                #expect(told.ending == .cancelled || told.ending == .lengthReached, "\(told)")
                if told.ending == .cancelled {
                    cancelled += 1
                    progress.advance()
                }
                handedBack += told.undeliveredToSecond.count + told.undeliveredToFirst.count
                // What came back is ours to write, before anything else is.
                try scene.second.send(told.undeliveredToSecond, within: 20_000)
                try scene.first.send(told.undeliveredToFirst, within: 20_000)
            }
            for end in ends { #expect(end.isContent()) }
        }
        #expect(cancelled >= Self.rounds * Progress.steps)
        print("\(engine), \(family): cancelled \(cancelled) times, \(handedBack) bytes handed back")
    }

    private static func sleep(micros: UInt64) async {
        try? await Task.sleep(nanoseconds: micros * 1_000)
    }
}

/// How far the cancellations have come, and so how much may have been sent.
private final class Progress: Sendable {
    static let steps = 6

    private let done = Atomic(0)

    func advance() { done.add(1, ordering: .releasing) }

    /// Waits until so much of the whole may have been sent; the whole only after the last step.
    func await(_ sent: Int, of whole: Int) {
        while done.load(ordering: .acquiring) < min(Self.steps, sent * Self.steps / whole) { TestSupport.pause() }
    }
}

/// One end of a connection that sends and receives at once, by fits and starts, on threads of its own.
private final class Talker: Sendable {
    private let threads: [NamedThread]
    private let outcome: RightAtEnd

    init(_ socket: TestSocket, sends: [UInt8], expects: [UInt8], seed: UInt64, _ progress: Progress) throws {
        let outcome = RightAtEnd()
        self.outcome = outcome
        threads = [
            try NamedThread("sends") {
                outcome.sent.store(Self.send(sends, socket, seed, progress), ordering: .releasing)
            },
            try NamedThread("receives") {
                let received = try? socket.receiveToEnd(within: 600_000)
                outcome.received.store(received == expects, ordering: .releasing)
            },
        ]
    }

    private final class RightAtEnd: Sendable {
        let sent = Atomic(false)
        let received = Atomic(false)
    }

    private static func send(_ bytes: [UInt8], _ socket: TestSocket, _ seed: UInt64, _ progress: Progress) -> Bool {
        var state = seed
        var at = 0
        while at < bytes.count {
            progress.await(at, of: bytes.count)
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let count = min(bytes.count - at, 1 + Int((state >> 33) % 200_000))
            guard (try? socket.send(Array(bytes[at..<at + count]), within: 600_000)) != nil else { return false }
            at += count
            if state >> 62 == 0 { TestSupport.pause() }
        }
        progress.await(bytes.count, of: bytes.count)
        socket.sendFin()
        return true
    }

    /// Everything was sent, and what was expected has come, and no more.
    func isContent() -> Bool {
        for thread in threads { thread.join() }
        return outcome.sent.load(ordering: .acquiring) && outcome.received.load(ordering: .acquiring)
    }
}
