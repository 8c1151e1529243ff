/// Lanes that may move only so many bytes a second rest between their chains and sends, without anything in flight, until the timer
/// wheel looks at their knot again. For a knot whose listener does not bound that, all of this is a look at the knot.
extension Worker where E: ~Copyable {
    private var nowNanos: Int64 { now &* 1_000_000 }

    /// A knot has begun. One that came through a listener without a bound stays without it.
    func beginPace(_ slot: UInt32, of listener: UInt16) {
        let bytesPerSecond = servers.listener(listener).pointee.bytesPerSecond
        let isPaced = paces.exists && bytesPerSecond > 0
        table[slot].pointee.isPaced = isPaced
        if isPaced { paces[slot].initialize(to: Pace(bytesPerSecond: bytesPerSecond, at: nowNanos)) }
    }

    /// True where the lane has to wait before it takes that step, which is kept for then. Whoever asks schedules the knot.
    func isHeldBack(_ step: Step, _ direction: Direction, _ slot: UInt32) -> Bool {
        guard table[slot].pointee.isPaced else { return false }
        let pace = paces[slot]
        guard pace.pointee.isDueAt(direction) > nowNanos else { return false }
        pace.pointee.wait(for: step.on(direction))
        return true
    }

    /// Bytes have reached a sink.
    func notePace(_ bytes: Int32, _ direction: Direction, _ slot: UInt32) {
        if table[slot].pointee.isPaced { paces[slot].pointee.moved(bytes, direction, at: nowNanos) }
    }

    /// When a lane that is held back may go on, in milliseconds; never where none is.
    func paceDeadline(_ slot: UInt32) -> Int64 {
        guard table[slot].pointee.isPaced, table[slot].pointee.phase == .tied, let due = paces[slot].pointee.dueAtNanos
        else {
            return .max
        }
        return due / 1_000_000 &+ 1
    }

    /// Lanes whose time has come go on. A lane that is held back is not silent, whatever its timeouts say.
    mutating func releasePaced(_ slot: UInt32) {
        guard table[slot].pointee.isPaced, table[slot].pointee.phase == .tied, !paces[slot].pointee.waiting.isEmpty
        else { return }
        for direction in Direction.allCases where !paces[slot].pointee.waiting.lane(direction).isEmpty {
            table[slot].pointee[direction].activeAtMillis = now
        }
        follow(paces[slot].pointee.takeDue(at: nowNanos), slot)
    }
}
