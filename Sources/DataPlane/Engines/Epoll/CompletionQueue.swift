/// Answers that wait to be reaped: a ring of fixed size, first in, first out.
///
/// It is as large as all open intents' answers together, so it cannot run over while the worker keeps to its limits.
struct CompletionQueue: ~Copyable {
    private let base: UnsafeMutablePointer<Completion>
    private let mask: Int
    private var head = 0
    private var tail = 0

    /// - Parameter capacity: rounded up to a power of two.
    init(capacity: Int) {
        var size = 64
        while size < capacity { size *= 2 }
        mask = size - 1
        base = .allocate(capacity: size)
    }

    deinit { base.deallocate() }

    var isEmpty: Bool { head == tail }
    var room: Int { mask + 1 - (tail - head) }

    mutating func put(_ tag: Tag, _ result: Int32, flags: UInt32 = 0) {
        precondition(room > 0, "CompletionQueue: more answers than intents")
        base[tail & mask] = Completion(tag: tag, result: result, flags: flags)
        tail += 1
    }

    mutating func take() -> Completion? {
        guard head != tail else { return nil }
        let answer = base[head & mask]
        head += 1
        // An empty one begins anew, so that no more of its memory is used, and no more of the cache, than answers ever waited.
        if head == tail { (head, tail) = (0, 0) }
        return answer
    }
}
