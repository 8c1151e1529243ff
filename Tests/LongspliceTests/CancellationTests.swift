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
                let told = try await task.value
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
            for end in ends { #expect(end.account() == "sent everything, received what was expected") }
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
    private let told: Told

    init(_ socket: TestSocket, sends: [UInt8], expects: [UInt8], seed: UInt64, _ progress: Progress) throws {
        let told = Told()
        self.told = told
        threads = [
            try NamedThread("sends") {
                told.sent.withLock { $0 = Self.send(sends, socket, seed, progress) }
            },
            try NamedThread("receives") {
                told.received.withLock { $0 = Self.receive(expects, socket) }
            },
        ]
    }

    private final class Told: Sendable {
        let sent = Mutex("")
        let received = Mutex("")
    }

    private static func send(_ bytes: [UInt8], _ socket: TestSocket, _ seed: UInt64, _ progress: Progress) -> String {
        var state = seed
        var at = 0
        while at < bytes.count {
            progress.await(at, of: bytes.count)
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let count = min(bytes.count - at, 1 + Int((state >> 33) % 200_000))
            do {
                try socket.send(Array(bytes[at..<at + count]), within: 300_000)
            } catch {
                return "sent \(at) bytes, then \(error)"
            }
            at += count
            if state >> 62 == 0 { TestSupport.pause() }
        }
        progress.await(bytes.count, of: bytes.count)
        socket.sendFin()
        return "sent everything"
    }

    private static func receive(_ bytes: [UInt8], _ socket: TestSocket) -> String {
        do {
            // All of it first: what has come by then is told apart from an end that does not come.
            let received = try socket.receive(bytes.count, within: 300_000)
            guard received == bytes else {
                let place = zip(received, bytes).enumerated().first { $1.0 != $1.1 }?.offset ?? received.count
                return "received \(received.count) bytes, wrong from \(place) on"
            }
            let more = try socket.receiveToEnd(within: 300_000)
            return more.isEmpty ? "received what was expected" : "received \(more.count) bytes too many"
        } catch {
            return "received not everything, or no end: \(error)"
        }
    }

    /// How both went.
    func account() -> String {
        for thread in threads { thread.join() }
        return told.sent.withLock { $0 } + ", " + told.received.withLock { $0 }
    }
}
