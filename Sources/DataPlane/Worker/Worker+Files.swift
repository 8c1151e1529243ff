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
        if carried.source == Errno.again {
            entry.pointee.isCold = true
            return awaitReading(slot)
        }
        readAhead(slot)
        guard step == Step.move.on(.up), knot.pointee.up.bytesMoved < job.length else {
            follow(step, slot)
            return schedule(slot)
        }
        // The others have their turn first.
        isHurried = true
        owe(step, slot)
    }

    // MARK: Files that are not in the page cache

    /// As much as is asked of the disk in one go, and as far as it is ahead of what was sent.
    private static var readingBytesMax: Int64 { 4 << 20 }
    /// The first part of a file; the next ones are as long as all before them.
    private static var firstReadingBytes: Int64 { 256 << 10 }

    /// The next part has to be read before it can be sent.
    private mutating func awaitReading(_ slot: UInt32) {
        readAhead(slot, isAwaited: true)
        // Where the reader's queue is full, it is tried again a tick later.
        guard jobs[slot].pointee.readingUpTo != 0 else { return owe(Step.move.on(.up).union(.later), slot) }
        table[slot].pointee.up.submittedReading()
    }

    /// Has the part read that follows on what was read before, while that is sent. One part at a time, and until one is found to be in
    /// the page cache.
    /// - Parameter isAwaited: it is not there, and nothing can be sent before it is.
    private mutating func readAhead(_ slot: UInt32, isAwaited: Bool = false) {
        let knot = table[slot]
        let entry = jobs[slot]
        guard entry.pointee.isCold, entry.pointee.readingUpTo == 0, knot.pointee.phase == .tied,
            knot.pointee.up.state == .moving
        else { return }
        let job = entry.pointee.job
        let sent = job.offset &+ max(0, Int64(knot.pointee.up.bytesMoved) &- Int64(job.header.count))
        let fileEnd = job.offset &+ Int64(job.length) &- Int64(job.header.count) &- Int64(job.trailer.count)
        let start = max(sent, entry.pointee.readUpTo)
        guard start < fileEnd, start &- sent < Self.readingBytesMax else { return }
        let part = min(max(start &- job.offset, Self.firstReadingBytes), Self.readingBytesMax)
        let count = min(fileEnd &- start, part)
        guard isAwaited || !engine.isInPageCache(job.first, start, count) else {
            entry.pointee.isCold = false
            return
        }
        var reading = FileReading(
            place: job.place, serial: job.serial, file: job.first, offset: start, count: count)
        guard jobs.readings?.write(&reading) ?? false else { return }
        counters.add(.fileReadings)
        entry.pointee.readingUpTo = start &+ count
    }

    /// The part is there, or cannot be had: the next attempt tells.
    mutating func hasBeenRead(_ slot: UInt32) {
        let knot = table[slot]
        let entry = jobs[slot]
        entry.pointee.readUpTo = max(entry.pointee.readUpTo, entry.pointee.readingUpTo)
        entry.pointee.readingUpTo = 0
        let wasAwaited = knot.pointee.up.isWaiting
        if wasAwaited { knot.pointee.up.hasBeenRead() }
        readAhead(slot)
        let goesOn = wasAwaited && knot.pointee.phase == .tied && knot.pointee.up.state == .moving
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
