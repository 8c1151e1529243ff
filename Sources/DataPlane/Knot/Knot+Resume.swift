extension Knot {
    /// An answer has come. `direction` is the lane's, or for `watch` the one that reads from the watched side.
    /// - Parameter goesOn: the operation will answer again.
    package mutating func resumed(
        _ operation: Operation, _ direction: Direction, _ result: Int32, goesOn: Bool = false, at now: Int64
    ) -> Step {
        switch operation {
        case .connect:
            isConnectInFlight = false
            guard phase == .connecting else { return [] }
            return result == 0 ? tie(at: now) : .reconnect
        case .watch:
            if !goesOn { watched.remove(.only(direction.source)) }
            return watchTold(direction, result, goesOn: goesOn, at: now)
        case .await, .fill, .drain:
            let outcome = self[direction].resumed(operation, result)
            return follow(outcome, direction, at: now)
        case .send:
            return follow(self[direction].hasSent(result), direction, at: now)
        case .receive:
            return hasReceived(direction, result, goesOn: goesOn, leavesMore: false, provesBulk: false, at: now)
        case .accept, .cancel:
            return []
        }
    }

    /// A page was read plainly into `direction`'s pipe; `result` is a fill's.
    package mutating func hasReadPlainly(_ direction: Direction, _ result: Int32, at now: Int64) -> Step {
        follow(self[direction].hasReadPlainly(result), direction, at: now)
    }

    /// Bytes were moved without a pipe.
    package mutating func hasCarried(_ direction: Direction, _ carried: Carried, at now: Int64) -> Step {
        if carried.moved > 0 { self[direction].activeAtMillis = now }
        return follow(self[direction].hasCarried(carried, awaitsRoom: keepsRecords || sendsFile), direction, at: now)
    }

    /// The watch of `direction`'s source: it is gone, or it has room for what the other lane wants to drain into it.
    private mutating func watchTold(_ direction: Direction, _ events: Int32, goesOn: Bool, at now: Int64) -> Step {
        if phase == .queued { return toldWhileQueued(events, goesOn: goesOn) }
        // A negative answer is our own withdrawal; what room there was meanwhile, nobody was told.
        if events < 0 && answersItself && phase == .tied { return roomTold(direction.opposite) }
        guard events >= 0, phase == .tied || phase == .flushing else { return [] }
        if PollEvents.tellLoss(events) && !keepsRecords {
            // Where a hang-up need not be a loss, the lane that reads from this side, or a write to it, will tell.
            return canHangUp(direction.source) ? lose(direction.source, at: now) : roomTold(direction.opposite)
        }
        // Where only room is waited for, it is asked for when there is none.
        var step: Step = goesOn || keepsRecords || sendsFile ? [] : Step.watch.on(direction)
        if events & PollEvents.writable != 0 || keepsRecords { step.formUnion(roomTold(direction.opposite)) }
        return step
    }

    private mutating func roomTold(_ direction: Direction) -> Step {
        guard self[direction].sinkHasRoom() else { return [] }
        if keepsRecords { return Step.receive.on(direction) }
        if sendsFile { return Step.move.on(direction) }
        return self[direction].state == .copying ? Step.send.on(direction) : Step.drainHeld.on(direction)
    }

    mutating func follow(_ outcome: Lane.Outcome, _ direction: Direction, at now: Int64) -> Step {
        if phase == .greeting { return followWhereGreeting(outcome) }
        guard phase == .tied || phase == .flushing else { return [] }
        if answersItself, let step = followWhereAnswering(outcome, direction, at: now) { return step }
        switch outcome {
        case .incomplete:
            return []
        case .copied:
            self[direction].activeAtMillis = now
            return copyOn(direction, at: now)
        case .unbuffered:
            return copyOn(direction, at: now)
        case .carried:
            return readOn(direction, at: now)
        case .empty:
            // Of a file: it has to be read from the disk first, which the worker sees to.
            if sendsFile { return [] }
            self[direction].rest()
            return Step.rest.on(direction)
        case .ready:
            self[direction].activeAtMillis = now
            return readOn(direction, at: now)
        case .moved:
            self[direction].activeAtMillis = now
            return move(direction).union(pushIfCorked(direction))
        case .dry:
            return move(direction)
        case .blocked:
            self[direction].activeAtMillis = now
            self[direction].drain()
            return Step.drainHeld.on(direction)
        case .stuck:
            return watched.has(direction.sink) ? [] : Step.watch.on(direction.opposite)
        case .withdrawn:
            return withdrawn(direction, at: now)
        case .starved:
            return again(direction, at: now).union(.later)
        case .notSpliceable, .seemsEnded:
            return .readPlainly(direction)
        case .ended:
            if sendsFile { return cut(.systemFailure) }
            return sourceEnded(direction, at: now)
        case .sourceLost:
            if sendsFile { return cut(.systemFailure) }
            self[direction].end()
            return lose(direction.source, at: now)
        case .sinkLost:
            return lose(direction.sink, at: now)
        case .unexpected:
            return cut(.systemFailure)
        }
    }

    private mutating func move(_ direction: Direction) -> Step {
        self[direction].move()
        return Step.move.on(direction)
    }

    /// From the source, in the lane's present mode.
    private mutating func readOn(_ direction: Direction, at now: Int64) -> Step {
        guard self[direction].mode == .copy else { return move(direction) }
        // A lane that is about to leave copying and was short of memory still leaves it.
        if self[direction].state != .copying { self[direction].copy(self[direction].reason) }
        return copyOn(direction, at: now)
    }

    /// What the lane was at, once more.
    private mutating func again(_ direction: Direction, at now: Int64) -> Step {
        if self[direction].mode == .copy { return readOn(direction, at: now) }
        guard self[direction].held > 0 else { return move(direction) }
        self[direction].drain()
        return Step.drainHeld.on(direction)
    }

    private mutating func withdrawn(_ direction: Direction, at now: Int64) -> Step {
        guard self[direction].held == 0 else { return again(direction, at: now) }
        guard relay == .splice else { return copyInstead(direction, .quiet, at: now) }
        self[direction].rest()
        return [Step.giveBack.on(direction), Step.rest.on(direction)]
    }

    /// A drain that is longer than what the pipe holds may leave its last bytes corked for 200 ms.
    ///
    /// splice_to_socket sends at most 16 pipe buffers at a time and sets MSG_MORE while it was asked for more than it has
    /// taken. When the pipe holds exactly 16, 32, … buffers, the last send has it too, and nothing follows (kernel 6.5 on,
    /// commit 2dc334f1a63a). Fewer than 16 bytes cannot be 16 buffers.
    private func pushIfCorked(_ direction: Direction) -> Step {
        let lane = self[direction]
        return lane.askedTooMuch && tcp.has(direction.sink) ? Step.push.on(direction) : []
    }
}
