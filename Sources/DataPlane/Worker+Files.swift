import LinuxCalls

/// Sending files: header, file and trailer are one stream of bytes, and how many have reached the socket tells which is next.
extension Worker where E: ~Copyable {
    mutating func beginSending(_ job: Job, _ slot: UInt32) {
        let knot = table[slot]
        // Header, file and trailer share segments, and the last one goes out when the cork is taken away.
        if hasFrame(job) && job.tcp.has(.upstream) { engine.setCorked(job.second, true) }
        follow(knot.pointee.beginSending(job.first, to: job.second, isTCP: job.tcp.has(.upstream), at: now), slot)
    }

    func endSending(_ job: Job, isWhole: Bool) {
        guard job.tcp.has(.upstream) else { return }
        if hasFrame(job) { engine.setCorked(job.second, false) }
        // The last chain may have left something behind for a next one (see `Step.push`).
        if !isWhole { engine.push(job.second) }
    }

    private func hasFrame(_ job: Job) -> Bool { job.header.count > 0 || job.trailer.count > 0 }

    /// The next part, for a lane with an empty pipe. False where it cannot be taken now.
    mutating func sendOn(_ knot: UnsafeMutablePointer<Knot>, _ tag: Tag) -> Bool {
        let slot = tag.slot
        let entry = jobs[slot]
        let job = entry.pointee.job
        let moved = knot.pointee.up.bytesMoved
        let header = UInt64(job.header.count)
        let fileEnd = job.length &- UInt64(job.trailer.count)
        if moved < header { return sendBytes(job.header, from: Int(moved), slot) }
        if moved >= fileEnd { return sendBytes(job.trailer, from: Int(moved &- fileEnd), slot) }

        let pipe = pipes[knot.pointee.up.pipe]
        let offset = job.offset &+ Int64(moved &- header)
        let length = UInt32(min(UInt64(min(settings.chunkBytes, pipe.capacity)), fileEnd &- moved))
        if offset &+ Int64(length) > entry.pointee.readUpTo, !engine.isCached(job.first, at: offset, Int64(length)) {
            return read(job, offset, Int64(fileEnd &- moved), slot)
        }
        guard engine.moveFile(job.first, at: offset, through: pipe, to: job.second, length: length, tag) else {
            return false
        }
        knot.pointee.up.submittedFileMove(asking: length)
        return true
    }

    /// Bytes that are in memory go the way the file's do, through the pipe.
    private mutating func sendBytes(_ bytes: UnsafeRawBufferPointer, from start: Int, _ slot: UInt32) -> Bool {
        let knot = table[slot]
        let pipe = pipes[knot.pointee.up.pipe]
        guard let base = bytes.baseAddress else { return false }
        // A pipe of 64 KiB takes as much only in whole pages.
        let count = min(bytes.count &- start, Int(min(pipe.capacity, PipePool.usefulBytesMin)))
        let written = engine.writePipe(pipe.writeEnd, base + start, count)
        perform(knot.pointee.hasReadPlainly(.up, Int32(truncatingIfNeeded: written), at: now), slot)
        return true
    }

    // MARK: Files that are not in the page cache

    /// As much as is asked of the disk in one go.
    private static var readingBytesMax: Int64 { 4 << 20 }

    private mutating func read(_ job: Job, _ offset: Int64, _ left: Int64, _ slot: UInt32) -> Bool {
        var reading = FileReading(
            place: job.place, serial: job.serial, file: job.first, offset: offset,
            count: min(left, Self.readingBytesMax))
        guard jobs.readings?.write(&reading) ?? false else { return false }
        counters.add(.fileReadings)
        let entry = jobs[slot]
        entry.pointee.readUpTo = offset &+ reading.count
        let knot = table[slot]
        knot.pointee.up.submittedReading()
        return true
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
        guard result <= 0, result != Errno.again, result != Errno.canceled, result != Errno.interrupted,
            let knot = table.live(tag)
        else { return }
        let entry = jobs[tag.slot]
        if result < 0 {
            entry.pointee.failure = result
        } else if knot.pointee.sendsFile && tag.operation == .fill {
            entry.pointee.isCutShort = true
        }
    }
}
