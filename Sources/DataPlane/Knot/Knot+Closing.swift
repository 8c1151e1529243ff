extension Knot {
    /// FIN from the lane's source; every byte before it has reached the sink's socket.
    mutating func sourceEnded(_ direction: Direction, at now: Int64) -> Step {
        self[direction].end()
        self[direction].activeAtMillis = now
        let source = direction.source
        // A reset that was noticed by a write leaves a plain end of file to the reader: sock_error() tells an error once.
        if lost.has(source) { return flush(survivor: source.other, at: now) }
        if self[direction.opposite].state == .over { return finish(passingFinOf: direction) }
        endedFirst = source
        let watch = watched.has(source) || keepsRecords ? [] : Step.watch.on(direction)
        return [passFin(of: direction), Step.giveBack.on(direction), watch]
    }

    /// A hang-up of `side` can only be a reset.
    ///
    /// That is so until FIN is sent to it: a TCP socket that is shut down both ways shows POLLHUP as well, with bytes still to
    /// be read. A UNIX socket shows it as soon as its peer has closed, and everything the peer sent may still be read.
    func canHangUp(_ side: Side) -> Bool {
        tcp.has(side) && !shut.has(side) && (isLoopback || self[side.outgoing.opposite].state != .over)
    }

    /// The connection of `side` is gone: nothing reaches it any more, but what it sent before is still delivered.
    mutating func lose(_ side: Side, at now: Int64) -> Step {
        guard phase == .tied || phase == .flushing else { return [] }
        lost.insert(.only(side))
        if cause == .none { cause = side.cause }
        if lost == .both || isLoopback || answersItself { return untie() }

        let towards = side.outgoing.opposite
        var step: Step = []
        if self[towards].state != .over {
            self[towards].end()
            if self[towards].isWaiting { step.insert(Step.withdraw.on(towards)) }
        }
        if self[side.outgoing].state == .over {
            step.formUnion(flush(survivor: side.other, at: now))
        }
        return step
    }

    /// Everything was handed to the survivor's socket. A reset throws away what the peer has not acknowledged yet, so it
    /// has to wait for the send queue.
    private mutating func flush(survivor: Side, at now: Int64) -> Step {
        resets.insert(.only(survivor))
        guard tcp.has(survivor), !isLent else { return untie() }  // a UNIX socket's queue survives its close
        phase = .flushing
        sinceMillis = now
        return .flush
    }

    /// The survivor's send queue is empty.
    package mutating func flushed() -> Step {
        phase == .flushing ? untie() : []
    }

    /// Both ends have been heard and served. Closing the sockets sends the second FIN, where they are ours to close.
    private mutating func finish(passingFinOf direction: Direction) -> Step {
        if hasReachedLimit { endedFirst = direction.source }
        cause = .finished
        return isLent ? untie().union(passFin(of: direction)) : untie()
    }

    private func passFin(of direction: Direction) -> Step { withholdsFin ? [] : Step.passFin.on(direction) }

    /// The lane has moved as many bytes as it may; whatever else there is stays in its source.
    package mutating func reachedLimit(_ direction: Direction, at now: Int64) -> Step {
        guard phase == .tied else { return [] }
        hasReachedLimit = true
        self[direction].end()
        self[direction].activeAtMillis = now
        if self[direction.opposite].state == .over {
            cause = .finished
            return untie()
        }
        let watch = watched.has(direction.source) || keepsRecords ? [] : Step.watch.on(direction)
        return Step.giveBack.on(direction).union(watch)
    }

    /// Longsplice itself ends the pair. The peers get RST: a FIN would pass a cut stream off as a whole one.
    package mutating func cut(_ cause: Cause) -> Step {
        guard phase != .untying, phase != .free else { return [] }
        if self.cause == .none { self.cause = cause }
        resets = .both
        return untie()
    }

    /// No upstream can be had. The client gets RST where the upstream gave one, FIN otherwise.
    package mutating func giveUp(_ cause: Cause, resettingClient: Bool) -> Step {
        self.cause = cause
        if resettingClient { resets.insert(.client) }
        return untie()
    }

    /// The client has its answer, and has ended its stream or is waited for no longer. What is still under way to it is delivered by
    /// the kernel, unless it goes on talking.
    mutating func leaveAnswered() -> Step { untie() }

    private mutating func untie() -> Step {
        phase = .untying
        return .untie
    }
}
