import LinuxCalls

/// Sending files: header, file and trailer are one stream of bytes, and how many have reached the socket tells which is next.
extension Worker where E: ~Copyable {
    mutating func beginSending(_ job: Job, _ slot: UInt32) {
        filesBeingSent += 1
        let knot = table[slot]
        var step = knot.pointee.beginSending(job.first, to: job.second, isTCP: job.tcp.has(.upstream), at: now)
        knot.pointee.up.bytesMoved = job.sentBefore
        if job.options.contains(.awaitsRoom) {
            step = knot.pointee.hasCarried(.up, Carried(sink: Errno.again), at: now)
        }
        follow(step, slot)
    }

    mutating func endSending() { filesBeingSent -= 1 }

    /// As much as a turn allows.
    mutating func sendOn(_ slot: UInt32) {
        let knot = table[slot]
        guard knot.pointee.wants(.up).contains(.move) else { return }
        let entry = jobs[slot]
        let job = entry.pointee.job
        let carried = engine.carryFile(job, from: knot.pointee.up.bytesMoved, readUpTo: &entry.pointee.readUpTo)
        counters.add(.bytesUp, UInt64(UInt32(bitPattern: carried.moved)))
        let failure = min(carried.source, carried.sink)
        if failure < 0 && failure != Errno.again { entry.pointee.failure = failure }
        entry.pointee.isCutShort = carried.source == 0

        let step = knot.pointee.hasCarried(.up, carried, at: now)
        if carried.source == Errno.again && knot.pointee.phase == .tied {
            // A worker waits for no disk: the job goes back, and comes again when somebody has sent what is cold.
            entry.pointee.isCold = true
            return follow(knot.pointee.cut(.takenBack), slot)
        }
        guard step == Step.move.on(.up), knot.pointee.up.bytesMoved < job.length else {
            follow(step, slot)
            return schedule(slot)
        }
        // The others have their turn first.
        isHurried = true
        owe(step, slot)
    }

    /// What ended a job is told with its result.
    func noteAnswer(_ result: Int32, _ tag: Tag) {
        guard result < 0, result != Errno.again, result != Errno.canceled, result != Errno.interrupted,
            table.live(tag) != nil
        else { return }
        let entry = jobs[tag.slot]
        entry.pointee.failure = result
    }
}
