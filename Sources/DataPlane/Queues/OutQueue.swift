import CLinux

/// A bounded queue of plain values from one worker to one reader, without locks. A full queue drops: the worker never waits.
///
/// Both sides count items since the start, the one what it has written, the other what it has taken; the difference waits,
/// and an item's place is its number modulo the capacity.
package final class OutQueue<Item: BitwiseCopyable>: @unchecked Sendable {
    package static var capacity: Int { 8192 }

    package let bell: OutBell
    package let capacity: Int
    private let places: UnsafeMutablePointer<Item>
    private let words: UnsafeMutablePointer<UInt64>
    private var taken: UInt64 = 0

    /// - Parameter capacity: a power of two.
    package init(_ bell: OutBell, capacity: Int = OutQueue.capacity) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0, "OutQueue: capacity is no power of two")
        self.bell = bell
        self.capacity = capacity
        places = .allocate(capacity: capacity)
        words = QueueWord.allocate()
    }

    deinit {
        places.deallocate()
        QueueWord.deallocate(words)
    }

    /// Items that wait to be taken.
    package var count: Int { Int(truncatingIfNeeded: clinux_take_over(words + QueueWord.written) &- taken) }

    /// Items that found the queue full, since the start.
    package var dropped: UInt64 { clinux_look(words + QueueWord.dropped) }

    /// Takes at most `limit` of those that wait, the oldest first. For the reader only.
    /// - Returns: how many.
    package func take(atMost limit: Int, _ body: (borrowing Item) -> Void) -> Int {
        let count = min(count, limit)
        for _ in 0..<count {
            body(places[Int(truncatingIfNeeded: taken & UInt64(capacity - 1))])
            taken &+= 1
        }
        if count > 0 { clinux_hand_over(words + QueueWord.taken, taken) }
        return count
    }

    /// The worker's side; one worker only.
    var pen: OutPen<Item> { OutPen(places: places, capacity: UInt64(capacity), words: words, rope: bell.rope) }
}

/// Where the queue's words lie: each on a cache line of its own, since they have different writers.
enum QueueWord {
    static let written = 8
    static let dropped = 9
    static let taken = 16

    static func allocate() -> UnsafeMutablePointer<UInt64> {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 256, alignment: 64)
        return memory.initializeMemory(as: UInt64.self, repeating: 0, count: 32)
    }

    static func deallocate(_ words: UnsafeMutablePointer<UInt64>) { UnsafeMutableRawPointer(words).deallocate() }
}
