import LinuxCalls

/// The kcont part: each completion is a continuation, and this is the one place that runs it.
extension Worker where E: ~Copyable {
    mutating func resume(_ completion: Completion) {
        let tag = completion.tag
        let result = completion.result
        switch tag.operation {
        case .connect:
            // An ICMP error that comes while connect(2) is at work is kept as a soft one: the ring then says 0 for a socket
            // that is not connected, and only SO_ERROR tells (kernel: tcp_v4_err, io_connect).
            guard let knot = knot(of: tag) else { return }
            var result = result == 0 ? engine.pendingError(knot.pointee.upstream) : result
            if result == 0 { result = introduce(tag.slot) }
            if result < 0 { noteFailedConnect(knot, result) } else { noteConnected(tag.slot) }
            follow(knot.pointee.resumed(.connect, tag.direction, result, at: now), tag.slot)
        case .fill:
            counters.add(.fills)
            if result == Errno.again { counters.add(.fillsDry) } else { count(result) }
            if jobs.exists { noteAnswer(result, tag) }
            follow(tag, .fill, result)
        case .drain:
            counters.add(.drains)
            count(result)
            if result > 0 { noteMoved(result, tag) }
            resumeDrain(tag, result)
        case .receive:
            resumeReceive(completion)
        case .send:
            resumeSend(tag, result)
        case .await:
            if tag == Self.bellTag { return obeyBell() }
            count(result)
            follow(tag, .await, result)
        case .watch:
            guard let knot = knot(of: tag) else { return }
            let goesOn = completion.goesOn
            follow(knot.pointee.resumed(.watch, tag.direction, result, goesOn: goesOn, at: now), tag.slot)
        case .accept:
            resumeAccept(completion)
        case .cancel:
            // What was to be ended had just ended by itself (-ENOENT, -EALREADY).
            counters.add(.cancelsMissed)
            guard let knot = table.live(tag) else { return }
            follow(knot.pointee.missedCancel(tag.direction), tag.slot)
        case nil:
            counters.add(.completionsUnexpected)
        }
    }

    private mutating func follow(_ tag: Tag, _ operation: Operation, _ result: Int32) {
        guard let knot = knot(of: tag) else { return }
        follow(resumed(knot, tag, operation, result), tag.slot)
    }

    /// A part of a chain has answered. A silent lane that goes back to copying is counted.
    func resumed(
        _ knot: UnsafeMutablePointer<Knot>, _ tag: Tag, _ operation: Operation, _ result: Int32
    ) -> Step {
        let hasSpliced = knot.pointee[tag.direction].mode == .splice
        let step = knot.pointee.resumed(operation, tag.direction, result, at: now)
        if hasSpliced && knot.pointee[tag.direction].mode == .copy { counters.add(.demotionsQuiet) }
        return step
    }

    /// The step is performed, and a knot that is untied and joined is closed.
    mutating func follow(_ step: Step, _ slot: UInt32) {
        if !step.isEmpty { perform(step, slot) }
        if table[slot].pointee.phase == .untying && table[slot].pointee.inFlight == 0 { close(slot) }
    }

    /// Bytes have reached a sink; the lane has not been told yet.
    func noteMoved(_ result: Int32, _ tag: Tag) {
        if pen != nil || paces.exists, let knot = table.live(tag) {
            if tag.direction == .down { noteDelivery(knot, tag.slot) }
            notePace(result, tag.direction, tag.slot)
        }
        counters.add(tag.direction == .up ? .bytesUp : .bytesDown, UInt64(UInt32(bitPattern: result)))
    }

    func knot(of tag: Tag) -> UnsafeMutablePointer<Knot>? {
        if let knot = table.live(tag) { return knot }
        counters.add(.completionsStale)
        return nil
    }

    /// The errors that are told apart. FIN is counted as a half-close when it is passed on, a full sink when its bytes are
    /// held, and a connection that is gone by the cause of its knot's end.
    func count(_ result: Int32) {
        switch result {
        case Errno.interrupted, Errno.restart: counters.add(.interrupted)
        case Errno.canceled: counters.add(.canceled)
        case Errno.noMemory, Errno.noBuffers: counters.add(.starved)
        case Errno.invalid: counters.add(.notSpliceable)
        default: break
        }
    }
}
