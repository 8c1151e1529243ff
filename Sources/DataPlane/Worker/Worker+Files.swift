import LinuxCalls

/// Sending files: header, file and trailer are one stream of bytes, and how many have reached the socket tells which is next.
extension Worker where E: ~Copyable {
    mutating func beginSending(_ job: Job, _ slot: UInt32) {
        filesBeingSent += 1
        let knot = table[slot]
        let step = knot.pointee.beginSending(job.first, to: job.second, isTCP: job.tcp.has(.upstream), at: now)
        knot.pointee.up.bytesMoved = job.sentBefore
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
        if carried.source == Errno.again { return read(job, slot) }
        guard step == Step.move.on(.up), knot.pointee.up.bytesMoved < job.length else {
            follow(step, slot)
            return schedule(slot)
        }
        // The others have their turn first.
        isHurried = true
        owe(step, slot)
    }

    // MARK: Files that are not in the page cache

    /// As much as is asked of the disk in one go.
    private static var readingBytesMax: Int64 { 4 << 20 }

    private mutating func read(_ job: Job, _ slot: UInt32) {
        let knot = table[slot]
        let moved = Int64(knot.pointee.up.bytesMoved) &- Int64(job.header.count)
        let fileBytes = Int64(job.length) &- Int64(job.header.count) &- Int64(job.trailer.count)
        var reading = FileReading(
            place: job.place, serial: job.serial, file: job.first, offset: job.offset &+ moved,
            count: min(fileBytes &- moved, Self.readingBytesMax))
        guard jobs.readings?.write(&reading) ?? false else { return owe(Step.move.on(.up).union(.later), slot) }
        counters.add(.fileReadings)
        let entry = jobs[slot]
        entry.pointee.readUpTo = reading.offset &+ reading.count
        knot.pointee.up.submittedReading()
    }

    /// It is there, or cannot be had: the next attempt tells.
    mutating func hasBeenRead(_ slot: UInt32) {
        let knot = table[slot]
        knot.pointee.up.hasBeenRead()
        let goesOn = knot.pointee.phase == .tied && knot.pointee.up.state == .moving
        follow(goesOn ? Step.move.on(.up) : [], slot)
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
