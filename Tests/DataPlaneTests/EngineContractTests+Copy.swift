import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

/// Receives into buffers and sends from them, for both engines by the same words.
///
/// The ring's receive goes on by itself and epoll's is over with each answer; a test that wants more asks again where it has
/// to, as the worker does.
extension EngineContractTests {
    @Test("receives what comes, again and again, each time into a buffer of its own", arguments: EngineKind.allCases)
    func receives(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.provide(0..<4)
            bench.receive()
            var buffers: Set<UInt16> = []
            for size in [1, 700, 16_384] {
                let message = pattern(size, seed: UInt64(size))
                try bench.from.send(message)
                let answers = bench.answers(1)
                let answer = try #require(answers.first)
                #expect(answer.text == "receive \(size)" && answer.tag == bench.tag.with(.receive))
                let received = bench.bytes(of: answer)
                #expect(received == message)
                buffers.insert(try #require(answer.buffer))
                if !answer.goesOn { bench.receive() }
            }
            #expect(buffers.count == 3 && buffers.isSubset(of: 0..<4))
        }
        try onEach(kind, run, run)
    }

    @Test("answers no receive and takes no buffer while nothing comes", arguments: EngineKind.allCases)
    func idleReceive(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.provide(7..<8)
            bench.receive()
            bench.expectSilence()
            // The only buffer is there for another one.
            let other = Tag(slot: 9, generation: 5, operation: .receive)
            _ = bench.engine.receive(from: bench.sink.number, other)
            try bench.to.send(pattern(10))
            let answers = bench.answers(1)
            #expect(answers.map(\.text) == ["receive 10"] && answers[0].tag == other && answers[0].buffer == 7)
        }
        try onEach(kind, run, run)
    }

    @Test("fills a buffer at most, and says that more is waiting", arguments: EngineKind.allCases)
    func receivesMore(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            let size = bench.engine.buffers.bytes
            let sent = pattern(3 * size + 5)
            try bench.from.send(sent)
            #expect(eventually { clinux_unsent_bytes(bench.from.number) == 0 })
            bench.provide(0..<16)
            bench.receive()
            let (bytes, _, answers) = bench.receiveBytes(sent.count)
            let first = try #require(answers.first)
            #expect(first.result == Int32(size) && first.leavesMore)
            #expect(answers.allSatisfy { $0.result <= size })
            let isSame = bytes == sent
            #expect(isSame)
        }
        try onEach(kind, run, run)
    }

    @Test(
        "says ENOBUFS where there is no buffer, and receives all of it once there is one",
        arguments: EngineKind.allCases)
    func noBuffers(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.receive()
            bench.expectSilence()
            try bench.from.send(pattern(100))
            let answers = bench.answers(2, within: 500)
            #expect(answers.map(\.text) == ["receive \(Errno.noBuffers)"])
            #expect(answers.allSatisfy { !$0.goesOn && $0.buffer == nil })
            bench.provide(3..<4)
            bench.receive()
            let more = bench.answers(1)
            let after = try #require(more.first)
            let bytes = bench.bytes(of: after)
            #expect(after.result == 100 && after.buffer == 3 && bytes == pattern(100))
        }
        try onEach(kind, run, run)
    }

    @Test(
        "answers a receive with 0 at the end of the stream, after every byte before it", arguments: EngineKind.allCases)
    func receivesEnd(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.provide(0..<4)
            bench.receive()
            try bench.from.send(pattern(100))
            bench.from.sendFin()
            let (bytes, last, _) = bench.receiveBytes(100 + 1)
            let end = try #require(last)
            #expect(bytes == pattern(100) && end.result == 0 && !end.goesOn && end.buffer == nil)
        }
        try onEach(kind, run, run)
    }

    @Test("gives bytes that came before a reset, then the reset, to a receive", arguments: EngineKind.allCases)
    func receivesReset(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.provide(0..<4)
            bench.receive()
            try bench.from.send(pattern(100))
            let (bytes, _, _) = bench.receiveBytes(100)
            #expect(bytes == pattern(100))
            _ = clinux_reset(bench.from.number)
            let answers = bench.answers(2, within: 500)
            let last = try #require(answers.first)
            #expect(last.result == Errno.reset && !last.goesOn && last.buffer == nil)
        }
        try onEach(kind, run, run)
    }

    @Test(
        "tells whoever looks of a reset right behind bytes that a receive may have missed",
        arguments: EngineKind.allCases)
    func missedReset(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.provide(0..<4)
            bench.receive()
            // Both are in the socket when the engine looks for the first time.
            bench.engine.turn(waitingNanoseconds: 0, bench.counters)
            try bench.from.send(pattern(100))
            _ = clinux_reset(bench.from.number)
            let hasEnded = eventually { bench.engine.hasEnded(bench.source.number) }
            #expect(hasEnded)
            let (bytes, missing, _) = bench.receiveBytes(100 + 1)
            var last = missing
            #expect(bytes == pattern(100))
            if last == nil {
                _ = bench.engine.cancel(bench.tag.with(.receive), on: bench.source.number, bench.tag.with(.receive))
                bench.expect(["receive \(Errno.canceled)"], of: 1)
                bench.expectSilence()
                bench.receive()
                last = bench.answers(1).first
            }
            #expect(last?.result == Errno.reset)
        }
        try onEach(kind, run, run)
    }

    @Test("answers a withdrawn receive once, and the bytes stay for the next one", arguments: EngineKind.allCases)
    func withdrawReceive(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.provide(0..<4)
            let tag = bench.tag.with(.receive)
            bench.receive()
            bench.expectSilence()
            _ = bench.engine.cancel(tag, on: bench.source.number, tag)
            let answers = bench.answers(2, within: 500)
            #expect(answers.map(\.text) == ["receive \(Errno.canceled)"])
            #expect(answers.allSatisfy { !$0.goesOn && $0.buffer == nil })
            try bench.from.send(pattern(10))
            bench.expectSilence()
            bench.receive()
            let (bytes, _, _) = bench.receiveBytes(10)
            #expect(bytes == pattern(10))
        }
        try onEach(kind, run, run)
    }

    @Test("receives an urgent byte in its place", arguments: EngineKind.allCases)
    func receivesUrgent(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            _ = clinux_set_urgent_inline(bench.source.number)
            bench.provide(0..<8)
            bench.receive()
            try bench.from.send(pattern(30))
            #expect(clinux_send_urgent(bench.from.number, 0x55) == 1)
            try bench.from.send(pattern(20))
            let (bytes, _, _) = bench.receiveBytes(51)
            #expect(bytes == pattern(30) + [0x55] + pattern(20))
        }
        try onEach(kind, run, run)
    }

    @Test(
        "receives what lies behind bytes that a move has left, and moves what a receive has left",
        arguments: EngineKind.allCases)
    func receivesAfterMove(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            // One buffer, so that a receive cannot take everything.
            bench.provide(0..<1)
            let sent = pattern(40_000)
            try bench.from.send(sent)
            #expect(eventually { clinux_unsent_bytes(bench.from.number) == 0 })
            bench.move(4096)
            bench.expect(["fill 4096", "drain 4096"], of: 2)
            bench.receive()
            let answers = bench.answers(2, within: 500)
            let some = try #require(answers.first)
            #expect(some.result == Int32(bench.engine.buffers.bytes))
            #expect(answers.last?.goesOn == false, "by itself, or for want of another buffer")
            let received = bench.bytes(of: some)
            var left = sent.count - 4096 - received.count
            while left > 0 {
                bench.move()
                let moved = bench.answers(2)
                guard moved.count == 2, moved[1].result > 0 else { break }
                left -= Int(moved[1].result)
            }
            #expect(left == 0)
            let through = try bench.to.receive(sent.count - received.count)
            let isSame = through.prefix(4096) + received + through.dropFirst(4096) == sent[...]
            #expect(isSame)
        }
        try onEach(kind, run, run)
    }

    @Test("sends the part of a buffer that it is asked to", arguments: EngineKind.allCases)
    func sends(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.fill(2, pattern(1000))
            bench.send(BufferSlice(buffer: 2, offset: 0, length: 1000))
            bench.expect(["send 1000"], of: 1)
            bench.send(BufferSlice(buffer: 2, offset: 900, length: 30), waits: true)
            let answers = bench.answers(2, within: 500)
            #expect(answers.map(\.text) == ["send 30"] && answers[0].tag == bench.tag.with(.send))
            #expect(try bench.to.receive(1030) == pattern(1000) + Array(pattern(1000)[900..<930]))
        }
        try onEach(kind, run, run)
    }

    @Test(
        "says at once how much a full sink has taken, and sends the rest when there is room",
        arguments: EngineKind.allCases)
    func sendsToFullSink(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            var sent = try bench.sendUntilFull()
            bench.sendOn(after: sent, waits: true)
            bench.expectSilence()
            _ = bench.engine.cancel(bench.tag, on: bench.sink.number, bench.tag)
            bench.expect(["await \(Errno.canceled)"], of: 1)
            bench.expectSilence()
            // The reader reads; the next send that waits goes on from where it was.
            bench.sendOn(after: sent, waits: true)
            var received: [UInt8] = []
            var answers: [Completion] = []
            while answers.isEmpty && received.count < sent {
                received += try bench.to.receive(min(65_536, sent - received.count))
                answers = bench.answers(1, within: 1)
            }
            #expect(received.count > 65_536, "not before")
            let answer = try #require(answers.first)
            #expect(answer.tag.operation == .send && answer.result > 0)
            sent += Int(max(0, answer.result))
            received += try bench.to.receive(sent - received.count)
            let isStream = bench.isStream(received, of: sent)
            #expect(isStream)
        }
        try onEach(kind, run, run)
    }

    @Test("keeps a send that waits while the sink has no room, unknown to the engine", arguments: EngineKind.allCases)
    func sendsToSinkThatOthersFilled(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.fill(0, pattern(bench.engine.buffers.bytes))
            let others = try bench.sendAround()
            bench.send(BufferSlice(buffer: 0, offset: 0, length: 1_000), waits: true)
            bench.expectSilence()
            _ = try bench.to.receive(others)
            bench.expect(["send 1000"], of: 1)
            #expect(try bench.to.receive(1_000) == Array(pattern(1_000)))
        }
        try onEach(kind, run, run)
    }

    @Test("tells a watch of room in a sink that has sent FIN, without spinning", arguments: EngineKind.allCases)
    func sendsToWatchedSink(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.to.sendFin()
            let hasEnded = eventually { bench.engine.hasEnded(bench.sink.number) }
            #expect(hasEnded)
            var sent = try bench.sendUntilFull()
            _ = bench.engine.watch(bench.sink.number, bench.tag)
            _ = bench.answers(4, within: 500)
            bench.sendOn(after: sent, waits: true, isWatched: true)
            var isOut = true
            var answers = bench.answers(4, within: 500)
            #expect(answers.count <= 1, "no more than that there is no room: \(answers.map(\.text))")
            if answers.contains(where: { $0.tag.operation == .send && $0.result == Errno.again }) { isOut = false }
            var received = try bench.to.receive(sent)
            answers = bench.answers(1)
            for answer in answers where answer.tag.operation == .watch {
                #expect(answer.result & PollEvents.writable != 0 && !PollEvents.tellLoss(answer.result))
                if !isOut { bench.sendOn(after: sent, waits: true, isWatched: true) }
                answers += bench.answers(1)
            }
            let last = try #require(answers.first { $0.tag.operation == .send })
            #expect(last.result > 0)
            sent += Int(max(0, last.result))
            received += try bench.to.receive(sent - received.count)
            let isStream = bench.isStream(received, of: sent)
            #expect(isStream)
        }
        try onEach(kind, run, run)
    }

    @Test("says to a send that the sink's connection is gone", arguments: EngineKind.allCases, [true, false])
    func sendsToLostSink(kind: EngineKind, waits: Bool) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            _ = clinux_reset(bench.to.number)
            let hasHungUp = eventually { bench.engine.hasHungUp(bench.sink.number) }
            #expect(hasHungUp)
            bench.engine.turn(waitingNanoseconds: 0, bench.counters)
            bench.fill(0, pattern(10))
            bench.send(BufferSlice(buffer: 0, offset: 0, length: 10), waits: waits)
            let answers = bench.answers(1)
            let answer = try #require(answers.first)
            #expect(answer.tag.operation == .send && Verdict.ofDrain(answer.result) == .connectionLost)
        }
        try onEach(kind, run, run)
    }

    @Test("is ripe once something has come", arguments: EngineKind.allCases)
    func ripe(kind: EngineKind) throws {
        func run<E: Engine & ~Copyable>(_ bench: inout Bench<E>) throws {
            bench.provide(0..<2)
            bench.receive()
            bench.expectSilence()
            // epoll cannot tell without a look, and says that a look may be worth it.
            let isRipe = bench.engine.isRipe
            #expect(isRipe == (kind == .epoll))
            try bench.from.send([1])
            let isRipeNow = eventually { bench.engine.isRipe }
            #expect(isRipeNow)
            bench.expect(["receive 1"], of: 1)
        }
        try onEach(kind, run, run)
    }
}

extension EngineContractTests.Bench where E: ~Copyable {
    mutating func expectSilence(_ place: SourceLocation = #_sourceLocation) {
        let came = answers(1, within: 50).map(\.text)
        #expect(came == [], sourceLocation: place)
    }

    mutating func provide(_ numbers: Range<UInt16>) { for number in numbers { engine.provide(number) } }

    mutating func receive() { _ = engine.receive(from: source.number, tag.with(.receive)) }

    func bytes(of answer: Completion) -> [UInt8] {
        guard answer.result > 0, let buffer = answer.buffer else { return [] }
        return Array(UnsafeRawBufferPointer(start: engine.buffers.start(of: buffer), count: Int(answer.result)))
    }

    /// Bytes until there are `count`; buffers are provided again, and the receive is asked for again where it was over. The
    /// last answer is told where it brought no bytes.
    mutating func receiveBytes(_ count: Int) -> (bytes: [UInt8], last: Completion?, answers: [Completion]) {
        var (all, came): ([UInt8], [Completion]) = ([], [])
        while all.count < count {
            let some = answers(1, within: 5_000)
            if some.isEmpty { break }
            came += some
            for answer in some {
                guard let buffer = answer.buffer, answer.result > 0 else { return (all, answer, came) }
                all += bytes(of: answer)
                engine.provide(buffer)
                if !answer.goesOn { receive() }
            }
        }
        return (all, nil, came)
    }

    func fill(_ buffer: UInt16, _ bytes: [UInt8]) {
        bytes.withUnsafeBytes { from in
            if let base = from.baseAddress {
                engine.buffers.start(of: buffer).copyMemory(from: base, byteCount: from.count)
            }
        }
    }

    mutating func send(_ slice: BufferSlice, waits: Bool = false, isWatched: Bool = false) {
        _ = engine.send(slice, to: sink.number, waits: waits, isWatched: isWatched, tag.with(.send))
    }

    /// The stream that the following send is the pattern of one buffer, over and over.
    mutating func sendOn(after sent: Int, waits: Bool, isWatched: Bool = false) {
        let offset = sent % engine.buffers.bytes
        let slice = BufferSlice(buffer: 0, offset: UInt32(offset), length: UInt32(engine.buffers.bytes - offset))
        send(slice, waits: waits, isWatched: isWatched)
    }

    /// Sends until the sink has taken no more eight times in a row. Returns how much it has taken.
    mutating func sendUntilFull() throws -> Int {
        fill(0, pattern(engine.buffers.bytes))
        var sent = 0
        var looks = 0
        while looks < 8 {
            sendOn(after: sent, waits: false)
            let some = answers(1)
            let answer = try #require(some.first, "a send without a wait is answered at once")
            #expect(answer.tag.operation == .send && (answer.result > 0 || answer.result == Errno.again))
            sent += Int(max(0, answer.result))
            looks = answer.result == Errno.again ? looks + 1 : 0
            if looks > 0 {
                for _ in 0..<20 { pause() }
            }
        }
        return sent
    }

    /// Fills the sink behind the engine's back, until it has taken nothing eight times in a row. Returns how much it has taken.
    func sendAround() throws -> Int {
        let block = pattern(65_536)
        var sent = 0
        var looks = 0
        while looks < 8 {
            let more = block.withUnsafeBytes { clinux_send(sink.number, $0.baseAddress, $0.count) }
            try #require(more > 0 || more == Int64(Errno.again))
            sent += Int(max(0, more))
            looks = more > 0 ? 0 : looks + 1
            if looks > 0 {
                for _ in 0..<20 { pause() }
            }
        }
        return sent
    }

    func isStream(_ received: [UInt8], of count: Int) -> Bool {
        let block = pattern(engine.buffers.bytes)
        return received.count == count
            && stride(from: 0, to: count, by: block.count).allSatisfy { start in
                let part = Array(received[start..<min(count, start + block.count)])
                return part.count == block.count ? part == block : part == Array(block[..<part.count])
            }
    }
}
