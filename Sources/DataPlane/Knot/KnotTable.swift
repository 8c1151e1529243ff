/// The slab of knots: a fixed number of slots, reserved at start and touched only as they are used.
///
/// Acquire and release are O(1). A released slot's generation goes up, so that a late completion cannot be mistaken for
/// one of the slot's next knot.
package struct KnotTable: ~Copyable {
    package let capacity: Int
    package private(set) var count = 0
    private let base: UnsafeMutablePointer<Knot>
    private var firstFree = Knot.nowhere
    /// Slots from here on have never been used and their memory not been touched.
    private var untouched: UInt32 = 0

    /// - Parameter capacity: 1 to 2³²−2 knots.
    package init(capacity: Int) {
        precondition(capacity > 0 && capacity < Int(UInt32.max), "KnotTable: capacity outside 1..<2^32-1")
        self.capacity = capacity
        base = .allocate(capacity: capacity)
    }

    deinit { base.deallocate() }

    package var isFull: Bool { count == capacity }

    /// Slots below this one have been in use at some time.
    package var slotsEverUsed: UInt32 { untouched }

    /// The record in place, never a copy. `slot` must have been acquired at some time.
    package subscript(slot: UInt32) -> UnsafeMutablePointer<Knot> {
        precondition(slot < untouched, "KnotTable: slot never acquired")
        return base + Int(slot)
    }

    /// The record a tag speaks of, nil where that knot is gone.
    package func live(_ tag: Tag) -> UnsafeMutablePointer<Knot>? {
        guard tag.slot < untouched else { return nil }
        let knot = base + Int(tag.slot)
        return knot.pointee.generation == tag.generation && knot.pointee.phase != .free ? knot : nil
    }

    /// A fresh knot's slot, nil when all are taken.
    package mutating func acquire() -> UInt32? {
        let slot: UInt32
        var generation: UInt32 = 0
        if firstFree != Knot.nowhere {
            slot = firstFree
            firstFree = base[Int(slot)].nextInList
            generation = base[Int(slot)].generation
        } else if Int(untouched) < capacity {
            slot = untouched
            untouched += 1
        } else {
            return nil
        }
        base[Int(slot)] = Knot()
        base[Int(slot)].generation = generation
        count += 1
        return slot
    }

    /// The knot is closed; nothing of it is in flight.
    package mutating func release(_ slot: UInt32) {
        let knot = self[slot]
        precondition(knot.pointee.inFlight == 0, "KnotTable: released with requests in flight")
        knot.pointee.phase = .free
        knot.pointee.generation = (knot.pointee.generation &+ 1) & Tag.generationMax
        knot.pointee.nextInList = firstFree
        firstFree = slot
        count -= 1
    }
}
