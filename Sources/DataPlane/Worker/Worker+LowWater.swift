import LinuxCalls

/// Fewer and larger chains for those who move much (`LowWaterTable`).
extension Worker where E: ~Copyable {
    /// A chain has moved all that it took from its source.
    mutating func noteChain(_ knot: UnsafeMutablePointer<Knot>, _ direction: Direction, _ slot: UInt32, _ bytes: Int32)
    {
        guard settings.relay.lowWaterBytesMax > 0, !knot.pointee.isPaced, knot.pointee.tcp.has(direction.source)
        else { return }
        // With few others moving, chains are large by themselves, and waiting for more only costs time.
        guard pipes.borrowed >= settings.relay.lowWaterLanesMin else { return noteTurn(knot, direction) }
        if knot.pointee[direction].lowWater == LowWaterTable.none {
            let source = knot.pointee.socket(of: direction.source)
            knot.pointee[direction].lowWater = lowWaters.add(slot, direction, source: source, at: now)
        }
        let mark = lowWaters.moved(bytes, knot.pointee[direction].lowWater, at: now, settings.relay)
        guard mark > 0 else { return }
        counters.add(.lowWaterRaised)
        lowWatersDueMillis = min(lowWatersDueMillis, now &+ settings.relay.lowWaterPatienceMillis)
        engine.setLowWater(knot.pointee.socket(of: direction.source), mark)
    }

    /// The other direction has spoken.
    mutating func noteTurn(_ knot: UnsafeMutablePointer<Knot>, _ direction: Direction) {
        guard knot.pointee[direction].lowWater != LowWaterTable.none,
            lowWaters.turned(knot.pointee[direction].lowWater)
        else { return }
        engine.setLowWater(knot.pointee.socket(of: direction.source), 1)
    }

    /// The lane moves no more, for now or for good: its source announces whatever comes.
    mutating func forgetLowWater(_ lane: inout Lane) {
        guard let entry = lowWaters[lane.lowWater] else { return }
        if lowWaters.remove(lane.lowWater) { engine.setLowWater(entry.source, 1) }
        lane.lowWater = LowWaterTable.none
    }

    /// What has waited for more, and not got it, is announced now.
    mutating func lowerWaters() {
        guard now >= lowWatersDueMillis else { return }
        lowWatersDueMillis = .max
        for index in UInt8(0)..<UInt8(LowWaterTable.capacity) {
            guard let entry = lowWaters[index], entry.isRaised else { continue }
            let knot = table[entry.slot]
            // One whose sink is full waits for that.
            let isMoving = knot.pointee[entry.direction].state == .moving
            let start = isMoving ? knot.pointee[entry.direction].activeAtMillis : now
            let due = start &+ settings.relay.lowWaterPatienceMillis
            guard now >= due else {
                lowWatersDueMillis = min(lowWatersDueMillis, due)
                continue
            }
            lowWaters.waitedInVain(index)
            counters.add(.lowWaterWaits)
            engine.setLowWater(entry.source, 1)
        }
    }
}
