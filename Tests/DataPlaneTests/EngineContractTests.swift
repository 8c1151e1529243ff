import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

/// Milliseconds in which what must not come is looked for.
private let moment: Int64 = 200

/// The contract of `Engine`, for both engines by the same words.
@Suite("An engine", .serialized)
struct EngineContractTests {
    /// An engine with two socket pairs: bytes written to `from` come out of `source`, what goes into `sink` comes out of
    /// `to`; and a pipe between.
    struct Bench<E: Engine & ~Copyable>: ~Copyable {
        var engine: E
        let counters = Counters()
        let batch = CompletionBatch()
        let from: TestSocket
        let source: TestSocket
        let sink: TestSocket
        let to: TestSocket
        let pipe: PipePool.Pipe
        let tag = Tag(slot: 3, generation: 5, operation: .await, direction: .down)

        init(_ engine: consuming E) throws {
            let (from, source) = try Self.tcpPair()
            let (sink, to) = try Self.tcpPair()
            var readEnd: Int32 = -1
            var writeEnd: Int32 = -1
            _ = try checked(clinux_pipe(&readEnd, &writeEnd), "pipe2")
            self.engine = engine
            (self.from, self.source, self.sink, self.to) = (from, source, sink, to)
            pipe = PipePool.Pipe(readEnd: readEnd, writeEnd: writeEnd, capacity: 65536)
            self.engine.attach(source.number)
            self.engine.attach(sink.number)
        }

        deinit {
            _ = clinux_close(pipe.readEnd)
            _ = clinux_close(pipe.writeEnd)
        }

        static func tcpPair() throws -> (TestSocket, TestSocket) {
            let listener = try TestListener.loopback()
            let client = try TestSocket.connected(to: listener.address)
            let served = try listener.accept()
            _ = clinux_set_no_delay(client.number)
            _ = clinux_set_no_delay(served.number)
            return (client, served)
        }

        /// Completions until there are `count`, or the time has passed.
        mutating func answers(_ count: Int, within milliseconds: Int64 = 30_000) -> [Completion] {
            var all: [Completion] = []
            let end = Clock.nowMillis() + milliseconds
            while all.count < count && Clock.nowMillis() < end {
                engine.turn(waitingNanoseconds: 20_000_000, counters)
                for index in 0..<engine.reap(into: batch, counters) { all.append(batch[index]) }
            }
            return all
        }

        /// Those that are wanted are waited for; whether more of `count` come is looked for a moment only.
        mutating func expect(_ wanted: [String], of count: Int, at place: SourceLocation = #_sourceLocation) {
            var came = answers(min(wanted.count, count)).map(\.text)
            if came.count < count { came += answers(count - came.count, within: moment).map(\.text) }
            #expect(came == wanted, sourceLocation: place)
        }

        mutating func move(_ length: UInt32 = 65536) {
            _ = engine.move(from: source.number, through: pipe, to: sink.number, length: length, tag)
        }

        mutating func drain(_ length: UInt32) {
            _ = engine.drainHeld(from: pipe, to: sink.number, length: length, isWatched: false, tag)
        }
    }

    func onEach(
        _ kind: EngineKind, _ uring: (inout Bench<UringEngine>) throws -> Void,
        _ epoll: (inout Bench<EpollEngine>) throws -> Void
    ) throws {
        switch kind {
        case .uring:
            var bench = try Bench(try UringEngine(UringSettings()))
            try uring(&bench)
        case .epoll:
            var bench = try Bench(try EpollEngine(descriptors: 20_000, intents: 64))
            try epoll(&bench)
        }
    }

    @Test("moves what is there: a fill, then a drain of the same count", arguments: EngineKind.allCases)
    func moves(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.move()
            bench.expect([], of: 1)
            try bench.from.send(pattern(1234))
            let answers = bench.answers(2)
            #expect(answers.map(\.text) == ["fill 1234", "drain 1234"])
            #expect(answers.allSatisfy { $0.tag.slot == 3 && $0.tag.generation == 5 && $0.tag.direction == .down })
            #expect(try bench.to.receive(1234) == pattern(1234))
        }
        try onEach(kind, run, run)
    }

    @Test("moves no more than it was asked for", arguments: EngineKind.allCases)
    func bounded(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            try bench.from.send(pattern(10_000))
            bench.move(4096)
            bench.expect(["fill 4096", "drain 4096"], of: 2)
        }
        try onEach(kind, run, run)
    }

    @Test("answers a fill with 0 at the end of the stream", arguments: EngineKind.allCases)
    func end(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.from.sendFin()
            bench.move()
            bench.expect(["fill 0", "drain \(Errno.again)"], of: 2)
        }
        try onEach(kind, run, run)
    }

    @Test("gives bytes that came before a reset, then the reset", arguments: EngineKind.allCases)
    func reset(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            try bench.from.send(pattern(100))
            bench.move()
            bench.expect(["fill 100", "drain 100"], of: 2)
            bench.move()
            _ = clinux_reset(bench.from.number)
            bench.expect(["fill \(Errno.reset)", "drain \(Errno.again)"], of: 2)
        }
        try onEach(kind, run, run)
    }

    @Test("answers a withdrawn move once, for the whole chain, and moves nothing", arguments: EngineKind.allCases)
    func withdraw(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.move()
            bench.expect([], of: 1)
            _ = bench.engine.cancel(bench.tag, on: bench.source.number, bench.tag)
            bench.expect(["await \(Errno.canceled)"], of: 2)
            // The bytes that come now stay for the next move.
            try bench.from.send(pattern(10))
            bench.move()
            bench.expect(["fill 10", "drain 10"], of: 2)
        }
        try onEach(kind, run, run)
    }

    @Test("waits for a full sink and then drains exactly what is left", arguments: EngineKind.allCases)
    func fullSink(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            var moved: Int32 = 0
            var held: Int32 = 0
            // Until the sink takes no more.
            for _ in 0..<4_000 where held == 0 {
                try bench.from.send(pattern(32_768))
                bench.move()
                let answers = bench.answers(2)
                guard answers.count == 2 else { break }
                moved += max(0, answers[1].result)
                held = answers[0].result - max(0, answers[1].result)
            }
            #expect(held > 0)
            // A first attempt may still find a little room.
            var left = held
            while left > 0 {
                bench.drain(UInt32(left))
                let answers = bench.answers(1, within: moment)
                guard let answer = answers.first else { break }
                #expect(answer.tag.operation == .drain)
                if answer.result > 0 { left -= answer.result } else { break }
            }
            #expect(left > 0)
            // The reader reads: the rest goes, and all of it.
            var received = 0
            let wanted = Int(moved + held)
            while received < wanted {
                let some = try bench.to.receive(min(1 << 20, wanted - received))
                if some.isEmpty { break }
                received += some.count
                // Room is announced only when a good part of the buffer is free.
                for answer in bench.answers(left > 0 ? 1 : 0, within: moment) where answer.tag.operation == .drain {
                    left -= max(0, answer.result)
                    if left > 0 { bench.drain(UInt32(left)) }
                }
            }
            #expect(left == 0 && received == wanted)
        }
        try onEach(kind, run, run)
    }

    @Test("answers an idle wait when bytes come, and its withdrawal", arguments: EngineKind.allCases)
    func awaits(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            _ = bench.engine.awaitReadable(bench.source.number, bench.tag)
            bench.expect([], of: 1)
            try bench.from.send([1])
            let answers = bench.answers(1)
            #expect(answers.count == 1 && answers[0].tag.operation == .await && answers[0].result > 0)
            bench.move()
            bench.expect(["fill 1", "drain 1"], of: 2)
            _ = bench.engine.awaitReadable(bench.source.number, bench.tag)
            _ = bench.engine.cancel(bench.tag, on: bench.source.number, bench.tag)
            bench.expect(["await \(Errno.canceled)"], of: 1)
        }
        try onEach(kind, run, run)
    }

    @Test(
        "announces again what was left unread, and waits for as many bytes as it is told",
        arguments: EngineKind.allCases)
    func leftUnread(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            _ = bench.engine.awaitReadable(bench.source.number, bench.tag)
            try bench.from.send([1])
            #expect(bench.answers(1).count == 1)
            bench.engine.leaveUnread(bench.source.number)
            _ = bench.engine.awaitReadable(bench.source.number, bench.tag)
            #expect(bench.answers(1).count == 1)
            bench.engine.setLowWater(bench.source.number, 3)
            _ = bench.engine.awaitReadable(bench.source.number, bench.tag)
            try bench.from.send([2])
            bench.expect([], of: 1)
            try bench.from.send([3])
            #expect(bench.answers(1).count == 1)
            // The end comes without the bytes that are waited for.
            bench.engine.setLowWater(bench.source.number, 9)
            _ = bench.engine.awaitReadable(bench.source.number, bench.tag)
            bench.expect([], of: 1)
            bench.from.sendFin()
            #expect(bench.answers(1).count == 1)
        }
        try onEach(kind, run, run)
    }

    @Test("tells a watch of a reset and not of a FIN", arguments: EngineKind.allCases)
    func watches(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.from.sendFin()
            bench.move()
            _ = bench.answers(2)
            _ = bench.engine.watch(bench.source.number, bench.tag)
            let afterFin = bench.answers(1, within: moment)
            #expect(!afterFin.contains { PollEvents.tellLoss($0.result) })
            _ = clinux_reset(bench.from.number)
            let afterReset = bench.answers(1)
            #expect(afterReset.contains { $0.tag.operation == .watch && PollEvents.tellLoss($0.result) })
        }
        try onEach(kind, run, run)
    }

    @Test("accepts one connection after the other until it is told to stop", arguments: EngineKind.allCases)
    func accepts(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            let listener = try TestListener.loopback()
            let tag = Tag(slot: 0, generation: 0, operation: .accept)
            _ = bench.engine.accept(listener.number, tag)
            var clients: [TestSocket] = []
            for _ in 0..<3 {
                clients.append(try TestSocket.connected(to: listener.address))
                let answers = bench.answers(1)
                #expect(answers.count == 1 && answers.allSatisfy { $0.result >= 0 && $0.goesOn && $0.tag == tag })
                for answer in answers { _ = clinux_close(answer.result) }
            }
            _ = bench.engine.cancel(tag, on: listener.number, tag)
            let last = bench.answers(1)
            #expect(last.count == 1 && last[0].result == Errno.canceled && !last[0].goesOn)
        }
        try onEach(kind, run, run)
    }

    @Test("connects, and says why it could not", arguments: EngineKind.allCases)
    func connects(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            var listener: TestListener? = try TestListener.loopback()
            var address = try #require(listener).address
            let tag = Tag(slot: 3, generation: 5, operation: .connect)
            let good = TestSocket(clinux_socket(address.family))
            _ = bench.engine.connect(good.number, to: &address, tag)
            bench.expect(["connect 0"], of: 1)
            listener = nil
            let bad = TestSocket(clinux_socket(address.family))
            _ = bench.engine.connect(bad.number, to: &address, tag)
            bench.expect(["connect \(Errno.refused)"], of: 1)
        }
        try onEach(kind, run, run)
    }
}

extension Completion {
    /// Operation and result, as a test reads them.
    var text: String { "\(tag.operation.map { "\($0)" } ?? "?") \(result)" }
}
