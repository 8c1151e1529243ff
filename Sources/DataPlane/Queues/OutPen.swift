import CLinux

/// The worker's side of an `OutQueue`, which must outlive it: plain pointers, so that nothing is counted.
struct OutPen<Item: BitwiseCopyable>: BitwiseCopyable {
    private let places: UnsafeMutablePointer<Item>
    private let capacity: UInt64
    private let words: UnsafeMutablePointer<UInt64>
    let rope: BellRope
    private var written: UInt64 = 0
    /// What the reader has been told of `written`.
    private var handedOver: UInt64 = 0
    /// The reader's count as it was last looked at; it may be further by now.
    private var taken: UInt64 = 0
    private var dropped: UInt64 = 0

    init(
        places: UnsafeMutablePointer<Item>, capacity: UInt64, words: UnsafeMutablePointer<UInt64>,
        rope: BellRope
    ) {
        self.places = places
        self.capacity = capacity
        self.words = words
        self.rope = rope
    }

    /// False where the queue is full and the item is lost.
    mutating func write(_ item: UnsafePointer<Item>) -> Bool {
        if written &- taken >= capacity {
            taken = clinux_take_over(words + QueueWord.taken)
            guard written &- taken < capacity else {
                dropped &+= 1
                clinux_publish(words + QueueWord.dropped, dropped)
                return false
            }
        }
        places[Int(truncatingIfNeeded: written & (capacity &- 1))] = item.pointee
        written &+= 1
        return true
    }

    /// Items are handed over once a turn, and in the middle of one when many are written in it.
    var isDue: Bool { written &- handedOver >= capacity / 8 }

    /// True where the reader has to be woken.
    mutating func handOver() -> Bool {
        guard written != handedOver else { return false }
        handedOver = written
        clinux_hand_over(words + QueueWord.written, written)
        return rope.mustRing()
    }
}
