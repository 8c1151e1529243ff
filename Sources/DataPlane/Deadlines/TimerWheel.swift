/// Deadlines of all knots of a worker: two wheels of 256 lists, without a timer request per connection.
///
/// A tick is 16 ms; the first wheel spans 4 s, the second one 17 min. Whatever lies further out waits in the second
/// wheel's last list and is put in again from there. An entry is never early and at most two ticks late. Insert and remove
/// are O(1); activity on a knot does not touch the wheel at all: the knot is asked when its time comes.
struct TimerWheel: ~Copyable {
    static let tickMillis: Int64 = 16
    private static let listsPerWheel = 256

    /// First the near wheel's lists, then the far one's: a knot's slot, or `nowhere`.
    private let heads: UnsafeMutablePointer<UInt32>
    /// One bit for each list that is not empty.
    private let occupied: UnsafeMutablePointer<UInt64>
    private var tick: Int64
    private(set) var count = 0

    init(startingAt now: Int64) {
        heads = .allocate(capacity: 2 * Self.listsPerWheel)
        heads.initialize(repeating: Knot.nowhere, count: 2 * Self.listsPerWheel)
        occupied = .allocate(capacity: 8)
        occupied.initialize(repeating: 0, count: 8)
        tick = now / Self.tickMillis
    }

    deinit {
        heads.deallocate()
        occupied.deallocate()
    }

    /// Puts a knot in, or moves it, so that it comes out at `expiresAtMillis` or shortly after.
    mutating func schedule(_ slot: UInt32, at expiresAtMillis: Int64, in table: borrowing KnotTable) {
        remove(slot, from: table)
        guard expiresAtMillis != .max else { return }
        let knot = table[slot]
        knot.pointee.timer.expiresAtMillis = expiresAtMillis
        insert(slot, into: table)
    }

    mutating func remove(_ slot: UInt32, from table: borrowing KnotTable) {
        let knot = table[slot]
        let timer = knot.pointee.timer
        guard timer.position >= 0 else { return }
        if timer.previous == Knot.nowhere {
            heads[Int(timer.position)] = timer.next
            if timer.next == Knot.nowhere { mark(Int(timer.position), false) }
        } else {
            let previous = table[timer.previous]
            previous.pointee.timer.next = timer.next
        }
        if timer.next != Knot.nowhere {
            let next = table[timer.next]
            next.pointee.timer.previous = timer.previous
        }
        knot.pointee.timer = TimerEntry()
        count -= 1
    }

    /// Takes out one knot whose time has come, nil when there is none at `now`.
    mutating func next(at now: Int64, in table: borrowing KnotTable) -> UInt32? {
        let target = now / Self.tickMillis
        while true {
            let slot = heads[position(near: tick)]
            if slot != Knot.nowhere {
                remove(slot, from: table)
                return slot
            }
            guard tick < target else { return nil }
            advance(towards: target)
            if tick % Int64(Self.listsPerWheel) == 0 { refill(from: table) }
        }
    }

    /// Milliseconds from `now` to the next look that is needed, nil where the wheel is empty.
    func millisUntilNext(at now: Int64) -> Int64? {
        guard count > 0 else { return nil }
        var earliest = nextRefillTick
        if let steps = distance(from: tick, wheel: 0) { earliest = min(earliest, tick + steps) }
        return max(0, earliest * Self.tickMillis - now)
    }

    // MARK: Lists

    private func position(near tick: Int64) -> Int { Int(tick % Int64(Self.listsPerWheel)) }

    private func position(far tick: Int64) -> Int {
        Self.listsPerWheel + Int(tick / Int64(Self.listsPerWheel) % Int64(Self.listsPerWheel))
    }

    /// The tick after which the far wheel's next list in use is due to be dealt out.
    private var nextRefillTick: Int64 {
        let lists = Int64(Self.listsPerWheel)
        guard let steps = distance(from: tick / lists + 1, wheel: 1) else { return .max / Self.tickMillis }
        return (tick / lists + 1 + steps) * lists
    }

    private mutating func insert(_ slot: UInt32, into table: borrowing KnotTable) {
        let knot = table[slot]
        // Rounded up, so that no deadline comes early; never the list being emptied, so that no tick runs for ever.
        let wanted = (knot.pointee.timer.expiresAtMillis &+ (Self.tickMillis - 1)) / Self.tickMillis
        let due = max(wanted, tick + 1)
        let lists = Int64(Self.listsPerWheel)
        let at: Int
        if due - tick < lists {
            at = position(near: due)
        } else if due / lists - tick / lists < lists {
            at = position(far: due)
        } else {
            at = position(far: tick - tick % lists + (lists - 1) * lists)
        }
        put(slot, at, in: table)
    }

    /// In front of a list.
    private mutating func put(_ slot: UInt32, _ at: Int, in table: borrowing KnotTable) {
        let knot = table[slot]
        knot.pointee.timer.position = Int16(at)
        knot.pointee.timer.previous = Knot.nowhere
        knot.pointee.timer.next = heads[at]
        if heads[at] != Knot.nowhere {
            let first = table[heads[at]]
            first.pointee.timer.previous = slot
        }
        heads[at] = slot
        mark(at, true)
        count += 1
    }

    /// One tick on, or straight to the next tick at which something can happen.
    private mutating func advance(towards target: Int64) {
        let lists = Int64(Self.listsPerWheel)
        let boundary = (tick / lists + 1) * lists
        var to = min(target, boundary)
        if let steps = distance(from: tick + 1, wheel: 0) { to = min(to, tick + 1 + steps) }
        tick = to
    }

    /// A new round of the near wheel begins: what the far wheel keeps for it is dealt out.
    private mutating func refill(from table: borrowing KnotTable) {
        let at = position(far: tick)
        var slot = heads[at]
        heads[at] = Knot.nowhere
        mark(at, false)
        while slot != Knot.nowhere {
            let knot = table[slot]
            let next = knot.pointee.timer.next
            knot.pointee.timer.position = -1
            count -= 1
            // The list being emptied next is this tick's own, so a deadline of this very tick goes there.
            if knot.pointee.timer.expiresAtMillis <= tick * Self.tickMillis {
                put(slot, position(near: tick), in: table)
            } else {
                insert(slot, into: table)
            }
            slot = next
        }
    }

    // MARK: Bits

    private func mark(_ position: Int, _ isOccupied: Bool) {
        let bit: UInt64 = 1 << UInt64(position & 63)
        if isOccupied { occupied[position >> 6] |= bit } else { occupied[position >> 6] &= ~bit }
    }

    /// Lists from `start` on, around the wheel, to the first one in use; nil where all are empty.
    private func distance(from start: Int64, wheel: Int) -> Int64? {
        let first = Int(start % Int64(Self.listsPerWheel))
        for word in 0...4 {
            let index = ((first >> 6) + word) & 3
            var bits = occupied[wheel * 4 + index]
            if word == 0 { bits &= ~0 << UInt64(first & 63) }
            if word == 4 { bits &= (1 << UInt64(first & 63)) &- 1 }
            if bits != 0 {
                let found = (index << 6) + bits.trailingZeroBitCount
                return Int64((found - first + Self.listsPerWheel) % Self.listsPerWheel)
            }
        }
        return nil
    }
}
