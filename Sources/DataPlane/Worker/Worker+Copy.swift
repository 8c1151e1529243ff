import LinuxCalls

/// Copying: receives fill buffers, sends empty them, and the lane's queue lies between.
extension Worker where E: ~Copyable {
    mutating func resumeReceive(_ completion: Completion) {
        let tag = completion.tag
        let result = completion.result
        if let buffer = completion.buffer { buffers.took(buffer) }
        guard let knot = knot(of: tag) else {
            if let buffer = completion.buffer { buffers.release(buffer, &engine) }
            return
        }
        let direction = tag.direction
        var provesBulk = false
        if result > 0, let buffer = completion.buffer {
            counters.add(.receives)
            let bytes = UInt32(bitPattern: result)
            if knot.pointee[direction].state == .copying {
                if !buffers.join(buffer, bytes, to: &knot.pointee[direction].copying.queue, &engine) {
                    buffers.append(buffer, bytes, to: &knot.pointee[direction].copying.queue)
                }
                provesBulk = judge(knot, direction, completion)
            } else if jobs.exists {
                // The lane is over: there is nobody left to send it to, so it goes back to whoever gave the job.
                buffers.append(buffer, bytes, to: &knot.pointee[direction].copying.queue)
                knot.pointee[direction].kept(result)
            } else {
                // The lane is over: there is nobody left to send it to.
                counters.add(.bytesDropped, UInt64(bytes))
                buffers.release(buffer, &engine)
            }
        } else {
            if let buffer = completion.buffer { buffers.release(buffer, &engine) }
            if result == Errno.noBuffers {
                counters.add(.receivesUnbuffered)
                buffers.grow(&engine)
            } else {
                count(result)
            }
        }
        let step = knot.pointee.hasReceived(
            direction, trueEnd(knot, direction, result), goesOn: completion.goesOn,
            leavesMore: completion.leavesMore, provesBulk: provesBulk, at: now)
        follow(step, tag.slot)
    }

    mutating func resumeSend(_ tag: Tag, _ result: Int32) {
        guard let knot = knot(of: tag) else { return }
        counters.add(.sends)
        if result > 0 {
            noteMoved(result, tag)
            let bytes = UInt32(bitPattern: result)
            counters.add(.bytesCopied, UInt64(bytes))
            buffers.sent(bytes, of: &knot.pointee[tag.direction].copying.queue, &engine)
        } else if result == Errno.again {
            counters.add(.sendsBlocked)
        } else {
            count(result)
        }
        follow(knot.pointee.resumed(.send, tag.direction, result, at: now), tag.slot)
    }

    /// A chain's drain; a lane whose fills are too small for splice goes back to copying.
    mutating func resumeDrain(_ tag: Tag, _ result: Int32) {
        guard let knot = knot(of: tag) else { return }
        let direction = tag.direction
        var step = resumed(knot, tag, .drain, result)
        if result > 0 { noteTurn(knot, direction.opposite) } else if jobs.exists { noteAnswer(result, tag) }
        if result > 0 && step.lane(direction).contains(.move) { noteChain(knot, direction, tag.slot, result) }
        if knot.pointee.relay == .adaptive, result > 0, step.lane(direction).contains(.move),
            knot.pointee[direction].gauge.filled(result, settings.relay)
        {
            counters.add(.demotionsSmall)
            step.subtract(Step.move.on(direction))
            step.formUnion(knot.pointee.copyInstead(direction, .small, at: now))
        }
        follow(step, tag.slot)
    }

    /// True where what has come now proves that this is bulk.
    private mutating func judge(_ knot: UnsafeMutablePointer<Knot>, _ direction: Direction, _ completion: Completion)
        -> Bool
    {
        knot.pointee[direction.opposite].gauge.turned()
        noteTurn(knot, direction.opposite)
        let pause = now &- knot.pointee[direction].activeAtMillis
        let isBulk = knot.pointee[direction].gauge.received(
            completion.result, leavesMore: completion.leavesMore, pauseMillis: pause, settings.relay)
        guard isBulk, settings.relay.policy != .copy, !knot.pointee[direction].copying.isLeaving else { return false }
        counters.add(.promotions)
        return true
    }

    /// 0 is the end of the stream, or the silence after a reset: one that the other lane's splice was told and has kept to
    /// itself (see `PlainRead`), or that its send was told, whose answer is still to come.
    private func trueEnd(_ knot: UnsafeMutablePointer<Knot>, _ direction: Direction, _ result: Int32) -> Int32 {
        guard result == 0, knot.pointee.canHangUp(direction.source) else { return result }
        let other = direction.opposite
        guard knot.pointee[other].hasSpliced || knot.pointee[other].copying.isSending else { return 0 }
        return engine.hasHungUp(knot.pointee.socket(of: direction.source)) ? Errno.reset : 0
    }

    // MARK: Steps

    /// False where the engine has no buffer, or no room for the intent.
    mutating func receive(_ knot: UnsafeMutablePointer<Knot>, _ direction: Direction, _ tag: Tag) -> Bool {
        guard hasBuffers, !knot.pointee.keepsRecords else {
            // With nothing queued the bytes can be carried, at once. Otherwise a buffer will be free when the queue has been
            // sent, and an answer will tell.
            if knot.pointee[direction].isFlushed { isHurried = true }
            return false
        }
        let source = knot.pointee.socket(of: direction.source)
        guard engine.receive(from: source, tag.with(.receive)) else { return false }
        knot.pointee[direction].submittedReceive()
        return true
    }

    mutating func endReceive(_ knot: UnsafeMutablePointer<Knot>, _ direction: Direction, _ tag: Tag) -> Bool {
        let tag = tag.with(.receive)
        guard engine.cancel(tag, on: knot.pointee.socket(of: direction.source), tag) else { return false }
        knot.pointee[direction].submittedEndOfReceive()
        return true
    }

    mutating func probe(_ knot: UnsafeMutablePointer<Knot>, _ direction: Direction, _ tag: Tag) -> Bool {
        counters.add(.probes)
        let hasEnded = engine.hasEnded(knot.pointee.socket(of: direction.source))
        guard !knot.pointee.hasProbed(direction, hasEnded: hasEnded).isEmpty else { return true }
        counters.add(.probesHit)
        return endReceive(knot, direction, tag)
    }

    mutating func send(_ knot: UnsafeMutablePointer<Knot>, _ direction: Direction, _ tag: Tag) -> Bool {
        let slice = buffers.head(of: knot.pointee[direction].copying.queue)
        let waits = knot.pointee[direction].copying.isSinkFull
        let sink = knot.pointee.socket(of: direction.sink)
        let isWatched = knot.pointee.watched.has(direction.sink)
        guard engine.send(slice, to: sink, waits: waits, isWatched: isWatched, tag.with(.send)) else { return false }
        knot.pointee[direction].submittedSend(of: slice.length, waits: waits)
        return true
    }

    var hasBuffers: Bool { buffers.provided > 0 }
}
