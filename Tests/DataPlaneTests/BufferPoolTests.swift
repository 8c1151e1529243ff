import Testing

@testable import DataPlane

@Suite("The buffer pool")
struct BufferPoolTests {
    /// A pool and the engine that its buffers are given to.
    private struct Bench: ~Copyable {
        var pool: BufferPool
        var engine: ScriptedEngine
        let script = Script()

        init(capacity: Int) {
            pool = BufferPool(capacity: capacity)
            engine = ScriptedEngine(script: script, bufferCount: capacity)
        }

        /// The engine has filled the buffer that it was given first.
        mutating func fill(_ bytes: UInt32, _ queue: inout BufferQueue) {
            let buffer = script.takeProvided()
            pool.took(buffer)
            pool.append(buffer, bytes, to: &queue)
        }

        /// As `fill`, joined to what is there where that can be.
        mutating func join(_ bytes: UInt32, _ queue: inout BufferQueue) -> Bool {
            let buffer = script.takeProvided()
            pool.took(buffer)
            script.fill(buffer, bytes)
            if pool.join(buffer, bytes, to: &queue, &engine) { return true }
            pool.append(buffer, bytes, to: &queue)
            return false
        }

        mutating func grow() {
            pool.beginTurn()
            pool.grow(&engine)
        }

        func head(_ queue: BufferQueue) -> BufferSlice { pool.head(of: queue) }

        mutating func send(_ bytes: UInt32, _ queue: inout BufferQueue) { pool.sent(bytes, of: &queue, &engine) }

        /// Every buffer is in one place: with the engine, in a queue, or put aside.
        func expectBalance(provided: Int, filled: Int, _ place: SourceLocation = #_sourceLocation) {
            let (providedNow, filledNow) = (pool.provided, pool.filled)
            #expect(providedNow == provided && script.provided.count == provided, sourceLocation: place)
            #expect(filledNow == filled, sourceLocation: place)
            #expect(script.breaches == [], sourceLocation: place)
        }
    }

    @Test("gives the engine few buffers at first, and no more than it has", arguments: [(4, 4), (64, 64), (1000, 64)])
    func supply(capacity: Int, provided: Int) {
        var bench = Bench(capacity: capacity)
        bench.expectBalance(provided: 0, filled: 0)
        bench.pool.supply(&bench.engine)
        bench.expectBalance(provided: provided, filled: 0)
        bench.pool.supply(&bench.engine)
        bench.expectBalance(provided: provided, filled: 0)
    }

    @Test("sends what was received in its order, part by part")
    func order() {
        var bench = Bench(capacity: 16)
        bench.pool.supply(&bench.engine)
        var queue = BufferQueue()
        for bytes in [100, 7, 4096] as [UInt32] { bench.fill(bytes, &queue) }
        #expect(queue.count == 3)
        var seen: [BufferSlice] = []
        for bytes in [60, 39, 1, 7, 4095] as [UInt32] {
            seen.append(bench.pool.head(of: queue))
            bench.send(bytes, &queue)
        }
        seen.append(bench.pool.head(of: queue))
        #expect(
            seen == [
                BufferSlice(buffer: 0, offset: 0, length: 100), BufferSlice(buffer: 0, offset: 60, length: 40),
                BufferSlice(buffer: 0, offset: 99, length: 1), BufferSlice(buffer: 1, offset: 0, length: 7),
                BufferSlice(buffer: 2, offset: 0, length: 4096), BufferSlice(buffer: 2, offset: 4095, length: 1),
            ])
        #expect(queue.count == 1)
        bench.expectBalance(provided: 15, filled: 1)
        bench.send(1, &queue)
        #expect(queue.count == 0)
        bench.expectBalance(provided: 16, filled: 0)
    }

    @Test("grows once a turn, however many receives found no buffer in it")
    func growsOnce() {
        var bench = Bench(capacity: 1_000)
        bench.pool.supply(&bench.engine)
        bench.grow()
        for _ in 0..<20 { bench.pool.grow(&bench.engine) }
        bench.expectBalance(provided: 128, filled: 0)
    }

    @Test("puts a few bytes behind the last ones where they fit, also behind those that are being sent")
    func join() {
        var bench = Bench(capacity: 16)
        bench.pool.supply(&bench.engine)
        var queue = BufferQueue()
        var joined: [Bool] = []
        for bytes in [1, 2_048, 2_047, 1, 2_049, 2_048] as [UInt32] { joined.append(bench.join(bytes, &queue)) }
        #expect(joined == [false, true, true, false, false, false])
        #expect(bench.head(queue).length == 4_096 && queue.count == 4)
        bench.send(4_096, &queue)
        #expect(bench.head(queue).length == 1)
        bench.pool.releaseAll(of: &queue, &bench.engine)
        bench.expectBalance(provided: 16, filled: 0)
    }

    @Test("keeps the queues of several lanes apart")
    func twoQueues() {
        var bench = Bench(capacity: 16)
        bench.pool.supply(&bench.engine)
        var (one, other) = (BufferQueue(), BufferQueue())
        for index in 0..<4 as Range<UInt32> {
            bench.fill(10 + index, &one)
            bench.fill(20 + index, &other)
        }
        var lengths: [UInt32] = []
        for _ in 0..<4 {
            lengths.append(bench.pool.head(of: one).length)
            bench.send(bench.pool.head(of: one).length, &one)
            lengths.append(bench.pool.head(of: other).length)
            bench.send(bench.pool.head(of: other).length, &other)
        }
        #expect(lengths == [10, 20, 11, 21, 12, 22, 13, 23])
        bench.expectBalance(provided: 16, filled: 0)
    }

    @Test("uses a queue again after it was empty")
    func emptied() {
        var bench = Bench(capacity: 4)
        bench.pool.supply(&bench.engine)
        var queue = BufferQueue()
        for round in 1...50 as ClosedRange<UInt32> {
            bench.fill(round, &queue)
            let head = bench.head(queue)
            #expect(head.offset == 0 && head.length == round)
            bench.send(round, &queue)
        }
        bench.expectBalance(provided: 4, filled: 0)
    }

    @Test("lets go of all of a queue at once, even of a buffer that was sent in part")
    func releaseAll() {
        var bench = Bench(capacity: 8)
        bench.pool.supply(&bench.engine)
        var queue = BufferQueue()
        for _ in 0..<5 { bench.fill(100, &queue) }
        bench.send(30, &queue)
        bench.expectBalance(provided: 3, filled: 5)
        bench.pool.releaseAll(of: &queue, &bench.engine)
        bench.expectBalance(provided: 8, filled: 0)
        bench.fill(9, &queue)
        let head = bench.head(queue)
        #expect(head.offset == 0, "nothing is left of what was sent in part")
        bench.pool.releaseAll(of: &queue, &bench.engine)
        bench.pool.releaseAll(of: &queue, &bench.engine)
        bench.expectBalance(provided: 8, filled: 0)
    }

    @Test("has no more to give when every buffer is in use, and gives one that comes back")
    func exhausted() {
        var bench = Bench(capacity: 4)
        bench.pool.supply(&bench.engine)
        var queue = BufferQueue()
        for _ in 0..<4 { bench.fill(1, &queue) }
        bench.grow()
        bench.pool.supply(&bench.engine)
        bench.expectBalance(provided: 0, filled: 4)
        bench.send(1, &queue)
        bench.expectBalance(provided: 1, filled: 3)
    }

    @Test("gives the engine twice as many each time they did not suffice, up to all of them")
    func grow() {
        var bench = Bench(capacity: 200)
        bench.pool.supply(&bench.engine)
        var provided: [Int] = []
        for _ in 0..<3 {
            bench.grow()
            provided.append(bench.pool.provided)
        }
        #expect(provided == [128, 200, 200])
        bench.expectBalance(provided: 200, filled: 0)
    }

    @Test("takes buffers back once half of them were not needed for a while, and not before")
    func trim() {
        var bench = Bench(capacity: 256)
        bench.pool.supply(&bench.engine)
        for _ in 0..<2 { bench.grow() }
        bench.pool.trim()
        // More than half are needed at some time.
        var queue = BufferQueue()
        for _ in 0..<128 { bench.fill(1, &queue) }
        bench.pool.releaseAll(of: &queue, &bench.engine)
        bench.pool.trim()
        var wanted = bench.pool.wanted
        #expect(wanted == 256)
        // Less than half.
        for _ in 0..<127 { bench.fill(1, &queue) }
        bench.pool.releaseAll(of: &queue, &bench.engine)
        bench.pool.trim()
        wanted = bench.pool.wanted
        #expect(wanted == 128)
        // The engine cannot be asked for them; they stay away as they are used.
        for _ in 0..<200 { bench.fill(1, &queue) }
        bench.pool.releaseAll(of: &queue, &bench.engine)
        bench.expectBalance(provided: 128, filled: 0)
        for _ in 0..<10 { bench.pool.trim() }
        wanted = bench.pool.wanted
        #expect(wanted == BufferPool.wantedMin)
    }

    @Test("wants no more than there are, however often it is trimmed")
    func trimSmall() {
        var bench = Bench(capacity: 10)
        bench.pool.supply(&bench.engine)
        for _ in 0..<10 { bench.pool.trim() }
        let wanted = bench.pool.wanted
        #expect(wanted == 10)
    }

    @Test("accounts for each buffer through any use", arguments: 1...8 as ClosedRange<UInt64>)
    func random(seed: UInt64) {
        var random = SeededRandom(state: seed)
        var bench = Bench(capacity: 150)
        bench.pool.supply(&bench.engine)
        var queues = [BufferQueue](repeating: BufferQueue(), count: 6)
        var lengths = [[UInt32]](repeating: [], count: 6)
        for _ in 0..<5_000 {
            let lane = Int.random(in: 0..<6, using: &random)
            switch Int.random(in: 0..<100, using: &random) {
            case 0: bench.pool.trim()
            case 1: bench.grow()
            case 2:
                bench.pool.releaseAll(of: &queues[lane], &bench.engine)
                lengths[lane] = []
            case 3..<50 where !bench.script.provided.isEmpty:
                let bytes = UInt32.random(in: 1...5_000, using: &random)
                bench.fill(bytes, &queues[lane])
                lengths[lane].append(bytes)
            case 50...:
                guard let length = lengths[lane].first else { continue }
                let head = bench.head(queues[lane])
                #expect(head.length == length, "seed \(seed)")
                let bytes = UInt32.random(in: 1...length, using: &random)
                bench.send(bytes, &queues[lane])
                if bytes == length { lengths[lane].removeFirst() } else { lengths[lane][0] -= bytes }
            default: break
            }
            #expect(queues.map { Int($0.count) } == lengths.map(\.count), "seed \(seed)")
            bench.expectBalance(provided: bench.script.provided.count, filled: lengths.joined().count)
        }
    }
}

@Suite("The buffers' memory")
struct BufferMemoryTests {
    private func reserve(_ count: Int, of bytes: Int) throws -> BufferMemory {
        var settings = BufferSettings()
        settings.bytes = bytes
        settings.count = count
        return try #require(BufferMemory.reserve(settings))
    }

    @Test("has a place for each buffer, and none overlaps another one", arguments: [1, 100, 4096, 16_384])
    func apart(bytes: Int) throws {
        let memory = try reserve(50, of: bytes)
        defer { memory.release() }
        let starts = (0..<50 as Range<UInt16>).map { memory.start(of: $0) }
        #expect(zip(starts, starts.dropFirst()).allSatisfy { $1 - $0 >= bytes })
        #expect(memory.count == 50 && memory.bytes == bytes && starts[0] >= memory.base)
    }

    @Test("can be written to the last byte, each buffer for itself")
    func written() throws {
        let memory = try reserve(64, of: 4096)
        defer { memory.release() }
        for number in 0..<64 as Range<UInt16> {
            memory.start(of: number).initializeMemory(as: UInt8.self, repeating: UInt8(number), count: 4096)
        }
        for number in 0..<64 as Range<UInt16> {
            let bytes = UnsafeRawBufferPointer(start: memory.start(of: number), count: 4096)
            #expect(bytes.allSatisfy { $0 == UInt8(number) }, "buffer \(number)")
        }
    }

    @Test("begins its buffers in different sets of the cache")
    func colours() throws {
        let memory = try reserve(64, of: 16_384)
        defer { memory.release() }
        let sets = Set((0..<64 as Range<UInt16>).map { (memory.start(of: $0) - memory.base) / 64 % 64 })
        #expect(sets.count == 64)
    }

    @Test("is there for as many buffers as a completion can name, and costs nothing before it is used")
    func largest() throws {
        let memory = try reserve(BufferMemory.countMax, of: 16_384)
        defer { memory.release() }
        let last = memory.start(of: UInt16(BufferMemory.countMax - 1))
        last.storeBytes(of: 7, toByteOffset: 16_383, as: UInt8.self)
        #expect(last.load(fromByteOffset: 16_383, as: UInt8.self) == 7)
    }

    @Test("says so where there is none")
    func none() {
        var settings = BufferSettings()
        settings.bytes = 1 << 50
        #expect(BufferMemory.reserve(settings)?.count == nil)
    }
}
