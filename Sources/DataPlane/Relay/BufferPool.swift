/// Buffers with received bytes that wait to be sent, in order: a list through the pool's links.
package struct BufferQueue: BitwiseCopyable {
    /// Bytes of the first one that were sent already.
    fileprivate var offset: UInt32 = 0
    fileprivate var first: UInt16 = 0
    fileprivate var last: UInt16 = 0
    package fileprivate(set) var count: UInt16 = 0

    package init() {}
}

/// Who has which of the worker's receive buffers: the engine, which waits to fill them; the lanes' queues; or nobody.
///
/// The engine is given few at first, and more each time they did not suffice: it fills them in turn, so that the fewer
/// there are the warmer they stay in the cache.
package struct BufferPool: ~Copyable {
    package let capacity: Int
    private let next: UnsafeMutablePointer<UInt16>
    private let lengths: UnsafeMutablePointer<UInt32>
    /// Buffers nobody has: a stack. Those from `untouched` on have never been used.
    private let spare: UnsafeMutablePointer<UInt16>
    private var spareCount = 0
    private var untouched = 0
    /// Buffers that the engine has.
    package private(set) var provided = 0
    /// Buffers that the engine should have.
    package private(set) var wanted: Int
    private var hasGrown = false
    /// The fewest that the engine has had since the last `trim`.
    private var providedLow = 0

    package static let wantedMin = 64
    /// More bytes than these are not worth being copied within the pool.
    package var joinedBytesMax: UInt32 = 2_048

    package init(capacity: Int) {
        self.capacity = capacity
        wanted = min(capacity, Self.wantedMin)
        next = .allocate(capacity: capacity)
        lengths = .allocate(capacity: capacity)
        spare = .allocate(capacity: capacity)
    }

    deinit {
        next.deallocate()
        lengths.deallocate()
        spare.deallocate()
    }

    /// Buffers in the lanes' queues.
    package var filled: Int { untouched - spareCount - provided }

    // MARK: Between pool and engine

    /// Gives the engine what it should have, as far as there is any.
    mutating func supply<E: Engine & ~Copyable>(_ engine: inout E) {
        while provided < wanted, let buffer = takeSpare() {
            engine.provide(buffer)
            provided += 1
        }
    }

    /// The engine had too few. Many receives may find that out at once, so it is given more once a turn.
    mutating func grow<E: Engine & ~Copyable>(_ engine: inout E) {
        guard !hasGrown else { return }
        hasGrown = true
        wanted = min(capacity, wanted * 2)
        supply(&engine)
    }

    mutating func beginTurn() { hasGrown = false }

    /// Half as many where even that was not needed since the last call.
    mutating func trim() {
        if providedLow > wanted / 2 { wanted = max(min(capacity, Self.wantedMin), wanted / 2) }
        providedLow = provided
    }

    /// The engine has filled this one; it is not its own any more.
    mutating func took(_ buffer: UInt16) {
        precondition(Int(buffer) < untouched && provided > 0, "BufferPool: a buffer that was not provided")
        provided -= 1
        providedLow = min(providedLow, provided)
    }

    /// Nobody needs this one any more: the engine gets it, or it is put aside.
    mutating func release<E: Engine & ~Copyable>(_ buffer: UInt16, _ engine: inout E) {
        if provided < wanted {
            engine.provide(buffer)
            provided += 1
        } else {
            spare[spareCount] = buffer
            spareCount += 1
        }
    }

    private mutating func takeSpare() -> UInt16? {
        if spareCount > 0 {
            spareCount -= 1
            return spare[spareCount]
        }
        guard untouched < capacity else { return nil }
        untouched += 1
        return UInt16(untouched - 1)
    }

    // MARK: Queues

    /// The queue's last, from now on.
    mutating func append(_ buffer: UInt16, _ bytes: UInt32, to queue: inout BufferQueue) {
        lengths[Int(buffer)] = bytes
        if queue.count == 0 { queue.first = buffer } else { next[Int(queue.last)] = buffer }
        queue.last = buffer
        queue.count += 1
    }

    /// A few bytes that fit behind the queue's last ones are put there, and their buffer is released: a stream of single bytes
    /// towards a slow reader then takes one buffer and not one for each byte. A send that is out reads none of that place,
    /// since its length is fixed.
    /// - Returns: false where they are not few, or do not fit.
    mutating func join<E: Engine & ~Copyable>(
        _ buffer: UInt16, _ bytes: UInt32, to queue: inout BufferQueue, _ engine: inout E
    ) -> Bool {
        guard queue.count > 0, bytes <= joinedBytesMax else { return false }
        let length = lengths[Int(queue.last)]
        guard Int(length) + Int(bytes) <= engine.buffers.bytes else { return false }
        engine.join(
            BufferSlice(buffer: buffer, offset: 0, length: bytes),
            behind: BufferSlice(buffer: queue.last, offset: 0, length: length))
        lengths[Int(queue.last)] = length + bytes
        release(buffer, &engine)
        return true
    }

    /// What is to be sent next. The queue must not be empty.
    func head(of queue: BufferQueue) -> BufferSlice {
        precondition(queue.count > 0, "BufferPool: nothing to be sent")
        return BufferSlice(
            buffer: queue.first, offset: queue.offset, length: lengths[Int(queue.first)] - queue.offset)
    }

    /// So many bytes of the first buffer were sent; a buffer that is done with is released.
    mutating func sent<E: Engine & ~Copyable>(_ bytes: UInt32, of queue: inout BufferQueue, _ engine: inout E) {
        precondition(queue.count > 0, "BufferPool: bytes were sent that nobody had")
        queue.offset += bytes
        if queue.offset >= lengths[Int(queue.first)] { removeFirst(of: &queue, &engine) }
    }

    /// What cannot be sent any more is let go of.
    mutating func releaseAll<E: Engine & ~Copyable>(of queue: inout BufferQueue, _ engine: inout E) {
        while queue.count > 0 { removeFirst(of: &queue, &engine) }
    }

    private mutating func removeFirst<E: Engine & ~Copyable>(of queue: inout BufferQueue, _ engine: inout E) {
        let buffer = queue.first
        queue.first = next[Int(buffer)]
        queue.offset = 0
        queue.count -= 1
        release(buffer, &engine)
    }
}
