import LinuxCalls

/// Jobs: pairs that somebody else has connected and wants back. Where a worker has none, all of this is a look at one pointer.
extension Worker where E: ~Copyable {
    /// Orders that have come, some at a time.
    mutating func takeJobs() {
        guard jobs.hasOrders else { return }
        for _ in 0..<Self.jobsPerTurn {
            guard let job = jobs.takeOrder() else { return }
            obey(job)
        }
    }

    private static var jobsPerTurn: Int { 64 }

    /// No job is taken from here on; those that were given are answered.
    mutating func closeDesk() {
        jobs.orders?.close()
        while let job = jobs.takeOrder() { obey(job) }
    }

    private mutating func obey(_ job: Job) {
        switch job.kind {
        case .tie, .send: begin(job)
        case .takeBack:
            guard let slot = jobs.slot(of: job) else { return }
            let knot = table[slot]
            follow(knot.pointee.cut(.takenBack), slot)
        }
    }

    private mutating func begin(_ job: Job) {
        guard let slot = table.acquire() else { preconditionFailure("Worker: more jobs than its desk allows") }
        counters.add(.accepted)
        counters.add(.tied)
        _ = connections.add(1)
        jobs.begin(job, slot, at: engine.nowNanos())
        if job.kind == .tie { engine.attach(job.first) }
        if job.second >= 0 { engine.attach(job.second) }
        let knot = table[slot]
        guard job.kind == .tie else { return beginSending(job, slot) }
        // What is copied is received without knowing its length before, so a lane with a limit splices.
        let keepsRecords = job.options.contains(.keepsRecords)
        let relay = keepsRecords ? .copy : job.length == Job.noLimit ? settings.relay.policy : .splice
        let terms = Knot.Terms(
            isOneWay: job.options.contains(.oneWay), withholdsFin: job.options.contains(.withholdsFin),
            keepsRecords: keepsRecords, shut: job.shut)
        var step = knot.pointee.tieLent(job.first, job.second, tcp: job.tcp, relay: relay, terms, at: now)
        if job.length == 0 { step.formUnion(knot.pointee.reachedLimit(.up, at: now)) }
        follow(step, slot)
    }

    /// A lane that has moved its length is over, and leaves the rest in its socket.
    func withinLimits(_ step: Step, _ slot: UInt32) -> Step {
        let knot = table[slot]
        guard step.lane(.up).contains(.move), knot.pointee.wants(.up).contains(.move),
            jobs.bytesLeft(slot, .up, moved: knot.pointee.up.bytesMoved) == 0
        else { return step }
        return step.subtracting(Step.move.on(.up)).union(knot.pointee.reachedLimit(.up, at: now))
    }

    /// Whole records, as many as a turn allows.
    mutating func carryRecords(_ direction: Direction, _ slot: UInt32) {
        let knot = table[slot]
        let left = jobs.bytesLeft(slot, direction, moved: knot.pointee[direction].bytesMoved)
        let (carried, isAtLimit) = engine.carryRecords(
            from: knot.pointee.socket(of: direction.source), to: knot.pointee.socket(of: direction.sink),
            by: plainBuffer,
            left: left)
        noteCarried(carried, direction, slot)
        let entry = jobs[slot]
        if carried.sink < 0 && carried.sink != Errno.again { entry.pointee.failure = carried.sink }
        let step = knot.pointee.hasCarried(direction, carried, at: now)
        if isAtLimit { return follow(knot.pointee.reachedLimit(direction, at: now), slot) }
        guard step == Step.receive.on(direction) else { return follow(step, slot) }
        isHurried = true
        owe(step, slot)
    }

    /// How much one chain may take.
    func chainLength(_ pipe: PipePool.Pipe, _ slot: UInt32, _ direction: Direction) -> UInt32 {
        var most = Int(min(settings.chunkBytes, pipe.capacity))
        if table[slot].pointee.isPaced { most = min(most, paces[slot].pointee.chainBytesMax) }
        return UInt32(truncatingIfNeeded: bytesLeft(direction, slot, most))
    }

    /// How much may be taken from the lane's source in one go.
    /// - Parameter most: for a lane without a limit.
    func bytesLeft(_ direction: Direction, _ slot: UInt32, _ most: Int) -> Int {
        guard jobs.exists else { return most }
        let left = jobs.bytesLeft(slot, direction, moved: table[slot].pointee[direction].bytesMoved)
        return Int(min(UInt64(most), left))
    }

    /// Nothing is in flight: the sockets go back as they are, and so does what was taken from them and not delivered.
    mutating func closeJob(_ slot: UInt32) {
        let knot = table[slot]
        let entry = jobs[slot].pointee
        var result = JobResult()
        result.place = entry.job.place
        result.serial = entry.job.serial
        if entry.job.kind == .tie {
            result.leftUp = takeOut(.up, slot)
            result.leftDown = takeOut(.down, slot)
        } else {
            endSending()
        }
        giveBack(&knot.pointee.up)
        giveBack(&knot.pointee.down)
        if entry.job.kind == .tie { engine.release(entry.job.first) }
        if entry.job.second >= 0 { engine.release(entry.job.second) }
        (result.ender, result.end) = knot.pointee.outcome
        if result.end == .fin && knot.pointee.hasReachedLimit { result.end = .limit }
        result.bytesUp = knot.pointee.up.bytesMoved
        result.bytesDown = knot.pointee.down.bytesMoved
        result.failure = entry.failure
        result.isCold = entry.isCold
        result.isCutShort = entry.isCutShort
        result.nanos = engine.nowNanos() &- entry.startedAtNanos
        result.lastUpNanos = (knot.pointee.up.activeAtMillis &- knot.pointee.sinceMillis) &* 1_000_000
        result.lastDownNanos = (knot.pointee.down.activeAtMillis &- knot.pointee.sinceMillis) &* 1_000_000
        if let counter = entry.isCold ? .coldFiles : Counter.of(knot.pointee.cause) { counters.add(counter) }
        counters.add(.closed)
        jobs.end(slot)
        forget(slot)
        let isQueued = jobs.results?.write(&result) ?? false
        precondition(isQueued, "Worker: more results than the desk allows")
    }

    /// What a lane has taken from its source and not delivered: as much as the sink takes at once is delivered now, the rest
    /// is copied out.
    private mutating func takeOut(_ direction: Direction, _ slot: UInt32) -> LeftBytes {
        let knot = table[slot]
        var left = LeftBytes()
        let held = Int(knot.pointee[direction].held)
        guard held > 0 else { return left }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: held, alignment: 1)
        let isCopied =
            knot.pointee[direction].hasPipe
            ? readOut(direction, slot, to: memory, held) : unqueue(direction, slot, to: memory, held)
        precondition(isCopied, "Worker: a lane holds fewer bytes than it says")
        let sent = deliver(memory, held, direction, slot)
        knot.pointee[direction].tookOut(delivering: sent)
        guard sent < held else {
            memory.deallocate()
            return left
        }
        memory.copyMemory(from: memory + sent, byteCount: held - sent)
        left.start = memory
        left.count = held - sent
        return left
    }

    private mutating func deliver(_ bytes: UnsafeRawPointer, _ count: Int, _ direction: Direction, _ slot: UInt32)
        -> Int
    {
        let knot = table[slot]
        guard !knot.pointee.lost.has(direction.sink) else { return 0 }
        let sent = engine.sendNow(knot.pointee.socket(of: direction.sink), bytes, count)
        guard sent > 0 else { return 0 }
        counters.add(direction == .up ? .bytesUp : .bytesDown, UInt64(sent))
        return sent
    }

    private func readOut(_ direction: Direction, _ slot: UInt32, to memory: UnsafeMutableRawPointer, _ count: Int)
        -> Bool
    {
        let pipe = pipes[table[slot].pointee[direction].pipe]
        var done = 0
        while done < count {
            let read = engine.readPipe(pipe.readEnd, memory + done, count - done)
            guard read > 0 else { return false }
            done += read
        }
        return true
    }

    private mutating func unqueue(
        _ direction: Direction, _ slot: UInt32, to memory: UnsafeMutableRawPointer, _ count: Int
    ) -> Bool {
        let knot = table[slot]
        var done = 0
        while knot.pointee[direction].copying.queue.count > 0 {
            let slice = buffers.head(of: knot.pointee[direction].copying.queue)
            guard done + Int(slice.length) <= count else { return false }
            let start = engine.buffers.start(of: slice.buffer) + Int(slice.offset)
            (memory + done).copyMemory(from: start, byteCount: Int(slice.length))
            done += Int(slice.length)
            buffers.sent(slice.length, of: &knot.pointee[direction].copying.queue, &engine)
        }
        return done == count
    }

    /// Lets the reader see the results of this turn, and wakes it where it sleeps.
    mutating func handOverResults() {
        guard jobs.exists else { return }
        if jobs.results?.handOver() == true, let event = jobs.results?.rope.event { engine.ring(event) }
    }
}
