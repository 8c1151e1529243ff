import CLinux

/// One worker's clients that wait until a server of their pool has room: for each pool a line through the knots, in the order in which
/// they came.
struct ClientQueues: ~Copyable {
    /// Of all pools.
    private(set) var count = 0
    let board: QueueSide
    /// Zero bits are an empty line.
    private let lines: UnsafeMutablePointer<Line>
    private let pools: Int
    /// Kept for the side's sake.
    private let owner: QueueBoard

    /// Slots, one added to each; 0 for none.
    private struct Line: BitwiseCopyable {
        var first: UInt32
        var last: UInt32
        /// Since when there has been room that was left to another worker; 0 for none.
        var yieldingSinceMillis: Int64
    }

    /// For so long a place is left to a worker whose first client has waited longer: it may stand still.
    private static let yieldsMillis: Int64 = 50

    /// - Parameter worker: its number on the board.
    init(_ board: QueueBoard, worker: Int) {
        let side = board.side(of: worker)
        guard let lines = clinux_zeroed(max(1, side.pools), MemoryLayout<Line>.stride) else {
            preconditionFailure("ClientQueues: out of memory")
        }
        owner = board
        self.board = side
        pools = side.pools
        self.lines = lines.bindMemory(to: Line.self, capacity: max(1, side.pools))
    }

    deinit { clinux_free(lines) }

    /// Whose turn it is; nil where nobody waits.
    func first(of pool: UInt16) -> UInt32? {
        let first = line(pool).pointee.first
        return first == 0 ? nil : first &- 1
    }

    /// There is room, and another worker's first client of the pool has waited longer. False where the room is not left to it any more.
    mutating func yields(_ pool: UInt16, at now: Int64) -> Bool {
        let line = line(pool)
        if line.pointee.yieldingSinceMillis == 0 { line.pointee.yieldingSinceMillis = max(1, now) }
        return now &- line.pointee.yieldingSinceMillis < Self.yieldsMillis
    }

    /// There is no room, or it was used here.
    mutating func yieldsNoMore(_ pool: UInt16) { line(pool).pointee.yieldingSinceMillis = 0 }

    /// Behind all others. The board has counted it.
    mutating func append(_ slot: UInt32, in table: borrowing KnotTable) {
        let knot = table[slot]
        let line = line(knot.pointee.pool)
        knot.pointee.isInLine = true
        knot.pointee.previousInLine = line.pointee.last
        knot.pointee.nextInLine = 0
        if line.pointee.last == 0 {
            line.pointee.first = slot &+ 1
            board.tell(knot.pointee.sinceMillis, knot.pointee.pool)
        } else {
            let last = table[line.pointee.last &- 1]
            last.pointee.nextInLine = slot &+ 1
        }
        line.pointee.last = slot &+ 1
        count &+= 1
    }

    /// Wherever it stands.
    mutating func remove(_ slot: UInt32, in table: borrowing KnotTable) {
        let knot = table[slot]
        let (previous, next) = (knot.pointee.previousInLine, knot.pointee.nextInLine)
        let pool = knot.pointee.pool
        let line = line(pool)
        knot.pointee.isInLine = false
        knot.pointee.previousInLine = 0
        knot.pointee.nextInLine = 0
        if next == 0 {
            line.pointee.last = previous
        } else {
            let behind = table[next &- 1]
            behind.pointee.previousInLine = previous
        }
        if previous == 0 {
            line.pointee.first = next
            board.tell(next == 0 ? nil : table[next &- 1].pointee.sinceMillis, pool)
        } else {
            let before = table[previous &- 1]
            before.pointee.nextInLine = next
        }
        board.leave(pool)
        count &-= 1
    }

    private func line(_ pool: UInt16) -> UnsafeMutablePointer<Line> {
        precondition(Int(pool) < pools, "ClientQueues: no such pool")
        return lines + Int(pool)
    }
}
