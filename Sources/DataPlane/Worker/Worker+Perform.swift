import CLinux
import LinuxCalls

/// Steps become intents and system calls. What the engine cannot take now is owed and performed at a later turn.
extension Worker where E: ~Copyable {
    mutating func perform(_ wanted: Step, _ slot: UInt32) {
        let step = jobs.exists ? withinLimits(wanted, slot) : wanted
        if step.contains(.untie) {
            passFins(step, slot)
            return untie(slot)
        }
        if step.contains(.reconnect) {
            switch table[slot].pointee.phase {
            case .greeting: return look(slot)
            case .queued: return turnAway(slot, .queueTimeout)
            case .connecting, .tied, .flushing, .untying, .free: return reconnect(slot)
            }
        }
        if step.contains(.abandonConnect) { return abandonConnect(slot) }
        if step.contains(.readPlainlyUp) { return readPlainly(.up, slot) }
        if step.contains(.readPlainlyDown) { return readPlainly(.down, slot) }
        if step.contains(.later) { return owe(step, slot) }
        if step.contains(.discard) { discard(slot) }
        if step.contains(.flush) && flush(slot) { return }

        if table[slot].pointee.sendsFile, !step.isDisjoint(with: [Step.move.on(.up), Step.move.on(.down)]) {
            perform(step.subtracting([Step.move.on(.up), Step.move.on(.down)]), slot)
            return jobs.exists ? sendOn(slot) : answerOn(slot)
        }

        var unpaid: Step = []
        for direction in Direction.allCases {
            let lane = step.lane(direction)
            if !lane.isEmpty { unpaid.formUnion(perform(lane, direction, slot).on(direction)) }
        }
        if !unpaid.isEmpty { owe(unpaid, slot) }
        schedule(slot)
    }

    /// The last FIN of a pair is its close, but where its sockets stay open.
    private func passFins(_ step: Step, _ slot: UInt32) {
        for direction in Direction.allCases where step.lane(direction).contains(.passFin) {
            counters.add(.halfCloses)
            engine.shutdownWrite(table[slot].pointee.socket(of: direction.sink))
        }
    }

    /// One lane's actions; returns those that have to wait.
    private mutating func perform(_ wanted: Step, _ direction: Direction, _ slot: UInt32) -> Step {
        let knot = table[slot]
        let step = wanted.intersection(knot.pointee.wants(direction))
        let tag = tag(slot, .await, direction)
        let source = knot.pointee.socket(of: direction.source)
        let sink = knot.pointee.socket(of: direction.sink)
        var unpaid: Step = []

        if step.contains(.push) {
            counters.add(.pushes)
            engine.push(sink)
        }
        if step.contains(.passFin) {
            counters.add(.halfCloses)
            engine.shutdownWrite(sink)
        }
        if step.contains(.withdraw) {
            if knot.pointee[direction].state == .moving { counters.add(.pipeIdleWithdrawals) }
            if !withdraw(direction, slot) { unpaid.insert(.withdraw) }
        }
        if step.contains(.probe) && !probe(knot, direction, tag) { unpaid.insert(.endReceive) }
        if step.contains(.endReceive) && !endReceive(knot, direction, tag) { unpaid.insert(.endReceive) }
        if step.contains(.giveBack) { giveBack(&knot.pointee[direction]) }
        if step.contains(.rest) {
            if engine.awaitReadable(source, tag) {
                knot.pointee[direction].submittedRest()
            } else {
                unpaid.insert(.rest)
            }
        }
        if step.contains(.send) && !isHeldBack(.send, direction, slot) && !send(knot, direction, tag) {
            unpaid.insert(.send)
        }
        if step.contains(.receive) && !receive(knot, direction, tag) { unpaid.insert(.receive) }
        if step.contains(.move) && !isHeldBack(.move, direction, slot) && !move(knot, direction, tag) {
            unpaid.insert(.move)
        }
        if step.contains(.drainHeld) {
            let lane = knot.pointee[direction]
            let length = UInt32(max(1, lane.held))
            let isWatched = knot.pointee.watched.has(direction.sink)
            if engine.drainHeld(from: pipes[lane.pipe], to: sink, length: length, isWatched: isWatched, tag) {
                counters.add(.drainsBlocked)
                knot.pointee[direction].submittedDrain()
            } else {
                unpaid.insert(.drainHeld)
            }
        }
        if step.contains(.watch) {
            let isForRoom = knot.pointee.keepsRecords || knot.pointee.sendsFile
            let isOut = isForRoom ? engine.awaitRoom(source, tag) : engine.watch(source, tag)
            if isOut {
                knot.pointee.submittedWatch(of: direction.source)
            } else {
                unpaid.insert(.watch)
            }
        }
        return unpaid
    }

    /// False where there is no pipe or no room in the submission queue.
    private mutating func move(_ knot: UnsafeMutablePointer<Knot>, _ direction: Direction, _ tag: Tag) -> Bool {
        guard ensurePipe(&knot.pointee[direction]) else {
            isHurried = true
            return false
        }
        let pipe = pipes[knot.pointee[direction].pipe]
        let length = chainLength(pipe, tag.slot, direction)
        let source = knot.pointee.socket(of: direction.source)
        let sink = knot.pointee.socket(of: direction.sink)
        guard engine.move(from: source, through: pipe, to: sink, length: length, tag) else { return false }
        knot.pointee[direction].submittedMove(asking: length)
        return true
    }

    private mutating func ensurePipe(_ lane: inout Lane) -> Bool {
        if lane.hasPipe { return true }
        guard pipes.hasIdle || now >= pipesRetryAtMillis else { return false }
        let pipe = pipes.borrow(engine, counters)
        guard pipe >= 0 else {
            counters.add(.pipesUnavailable)
            pipesRetryAtMillis = now &+ Self.retryMillis
            return false
        }
        lane.pipe = pipe
        return true
    }

    mutating func giveBack(_ lane: inout Lane) {
        if lane.held > 0 { counters.add(.bytesDropped, UInt64(UInt32(bitPattern: lane.held))) }
        buffers.releaseAll(of: &lane.copying.queue, &engine)
        forgetLowWater(&lane)
        guard lane.hasPipe else { return }
        pipes.giveBack(lane.pipe, isEmpty: lane.held == 0 && lane.inFlight == 0, engine, counters)
        lane.pipe = -1
    }

    private mutating func readPlainly(_ direction: Direction, _ slot: UInt32) {
        let knot = table[slot]
        guard knot.pointee.wants(direction).contains(.move) else { return }
        // Asked for when a chain has come to its end, and a chain has a pipe.
        precondition(knot.pointee[direction].hasPipe, "Worker: a plain read without a pipe")
        let result = engine.readPlainly(
            from: knot.pointee.socket(of: direction.source), into: pipes[knot.pointee[direction].pipe], by: plainBuffer,
            canHangUp: knot.pointee.canHangUp(direction.source), atMost: bytesLeft(direction, slot, PlainRead.bytesMax))
        if result > 0 { counters.add(.plainReads) }
        perform(knot.pointee.hasReadPlainly(direction, result, at: now), slot)
    }

    /// The socket that a lane's `await` looks at.
    func awaited(_ slot: UInt32, _ direction: Direction) -> Int32 {
        let knot = table[slot]
        let isDraining = knot.pointee[direction].isWaitingForSink
        return knot.pointee.socket(of: isDraining ? direction.sink : direction.source)
    }

    func tag(_ slot: UInt32, _ operation: Operation, _ direction: Direction = .up) -> Tag {
        Tag(slot: slot, generation: table[slot].pointee.generation, operation: operation, direction: direction)
    }

    // MARK: Owed steps

    mutating func owe(_ step: Step, _ slot: UInt32) {
        let knot = table[slot]
        knot.pointee.owed.formUnion(step)
        guard !knot.pointee.isOwed else { return }
        knot.pointee.isOwed = true
        knot.pointee.nextInList = firstOwed
        firstOwed = slot
    }

    /// Each owed knot once; what still cannot be done is owed again.
    mutating func payOwed() {
        let isLaterDue = now >= laterAtMillis
        if isLaterDue { laterAtMillis = now &+ TimerWheel.tickMillis }
        isHurried = false
        var slot = firstOwed
        firstOwed = Knot.nowhere
        while slot != Knot.nowhere {
            let knot = table[slot]
            let next = knot.pointee.nextInList
            let step = knot.pointee.owed
            knot.pointee.owed = []
            knot.pointee.isOwed = false
            if step.contains(.later) && !isLaterDue { owe(step, slot) } else { pay(step.subtracting(.later), slot) }
            slot = next
        }
    }

    /// A lane that wants to move and can have no pipe copies; one that can have no buffer either carries its bytes plainly.
    private mutating func pay(_ step: Step, _ slot: UInt32) {
        var step = step
        let knot = table[slot]
        for direction in Direction.allCases {
            let wanted = step.lane(direction).intersection(knot.pointee.wants(direction))
            if wanted.contains(.move) && !knot.pointee.sendsFile && !ensurePipe(&knot.pointee[direction]) {
                step.subtract(Step.move.on(direction))
                if jobs.isLimited(slot, direction) {
                    carry(direction, slot)
                    guard knot.pointee.phase == .tied || knot.pointee.phase == .flushing else { return }
                    continue
                }
                counters.add(.demotionsForPipe)
                step.formUnion(knot.pointee.copyInstead(direction, .noPipe, at: now))
            } else if wanted.contains(.receive) && (!hasBuffers || knot.pointee.keepsRecords)
                && knot.pointee[direction].isFlushed
            {
                step.subtract(Step.receive.on(direction))
                guard !isHeldBack(.receive, direction, slot) else {
                    schedule(slot)
                    continue
                }
                carry(direction, slot)
                guard knot.pointee.phase == .tied || knot.pointee.phase == .flushing else { return }
            }
        }
        follow(step, slot)
    }

    private mutating func carry(_ direction: Direction, _ slot: UInt32) {
        let knot = table[slot]
        if knot.pointee.keepsRecords { return carryRecords(direction, slot) }
        let carried = engine.carry(
            from: knot.pointee.socket(of: direction.source), to: knot.pointee.socket(of: direction.sink),
            by: plainBuffer, isTCP: knot.pointee.tcp.has(direction.source),
            canHangUp: knot.pointee.canHangUp(direction.source),
            atMost: Int32(bytesLeft(direction, slot, Int(PlainCarry.budgetBytes))))
        noteCarried(carried, direction, slot)
        let step = knot.pointee.hasCarried(direction, carried, at: now)
        // What wants to go on at once does so at the next turn, after the others have had theirs.
        guard step == Step.receive.on(direction) || step == Step.move.on(direction) else { return follow(step, slot) }
        isHurried = true
        owe(step, slot)
    }

    func noteCarried(_ carried: Carried, _ direction: Direction, _ slot: UInt32) {
        guard carried.moved > 0 else { return }
        if direction == .down { noteDelivery(table[slot], slot) }
        let bytes = UInt64(UInt32(bitPattern: carried.moved))
        counters.add(.bytesCarried, bytes)
        notePace(carried.moved, direction, slot)
        counters.add(direction == .up ? .bytesUp : .bytesDown, bytes)
    }
}
