import CLinux
import LinuxCalls

extension Worker where E: ~Copyable {
    /// The first upstream for a knot that has begun.
    mutating func connect(_ slot: UInt32) {
        let index = upstreams.choose()
        let knot = table[slot]
        knot.pointee.upstreamIndex = UInt16(truncatingIfNeeded: index)
        attempt(slot)
    }

    /// The last attempt failed: the next upstream, or the client is given up.
    mutating func reconnect(_ slot: UInt32) {
        let knot = table[slot]
        if knot.pointee.upstream >= 0 && !knot.pointee.isConnectInFlight {
            close(knot.pointee.upstream, resetting: false)
            knot.pointee.forgetUpstream()
        }
        guard Int(knot.pointee.attempts) < upstreams.count, !isLeavingAtOnce else {
            if settings.fallback >= 0, !isLeavingAtOnce, answer(slot) { return }
            return perform(
                knot.pointee.giveUp(.connectFailed, resettingClient: knot.pointee.connectFailure == .refused), slot)
        }
        let next = upstreams.after(Int(knot.pointee.upstreamIndex))
        knot.pointee.upstreamIndex = UInt16(truncatingIfNeeded: next)
        attempt(slot)
    }

    private mutating func attempt(_ slot: UInt32) {
        let knot = table[slot]
        let address = upstreams.address(Int(knot.pointee.upstreamIndex))
        let socket = engine.openSocket(family: address.pointee.family)
        guard socket >= 0 else { return hasNoSocket(socket, slot) }
        if address.pointee.isTCP { engine.prepareTCP(socket) }
        if let source = sources.next(family: address.pointee.family) {
            let bound = engine.bindSource(socket, source)
            guard bound == 0 else {
                engine.close(socket)
                return failedBeforehand(bound, slot)
            }
        }
        guard engine.connect(socket, to: address, tag(slot, .connect)) else {
            engine.close(socket)
            return owe(.reconnect, slot)
        }
        counters.add(.connectAttempts)
        knot.pointee.attempts &+= 1
        knot.pointee.submittedConnect(socket, isTCP: address.pointee.isTCP, at: now)
        noteAttempt(slot)
        schedule(slot)
    }

    private mutating func hasNoSocket(_ result: Int32, _ slot: UInt32) {
        switch AcceptFailure(result) {
        case .shortOfDescriptors, .shortOfMemory:
            // Whoever waits for a descriptor holds one: the client gives way to those who are served.
            counters.add(.connectShortOfDescriptors)
            pauseForShortage()
            let knot = table[slot]
            perform(knot.pointee.cut(.shortage), slot)
        case .aborted, .withdrawn, .otherwise:
            // EAFNOSUPPORT, on a machine without IPv6.
            failedBeforehand(result, slot)
        }
    }

    /// As if connecting had failed with the same errno: the next upstream may have another family.
    private mutating func failedBeforehand(_ result: Int32, _ slot: UInt32) {
        let knot = table[slot]
        counters.add(.connectAttempts)
        knot.pointee.attempts &+= 1
        noteAttempt(slot)
        noteFailedConnect(knot, result)
        owe(.reconnect, slot)
    }

    mutating func abandonConnect(_ slot: UInt32) {
        let knot = table[slot]
        guard knot.pointee.isConnectInFlight else { return }
        let tag = tag(slot, .connect)
        if !engine.cancel(tag, on: knot.pointee.upstream, tag) { owe(.abandonConnect, slot) }
    }

    func noteFailedConnect(_ knot: UnsafeMutablePointer<Knot>, _ result: Int32) {
        guard knot.pointee.phase == .connecting else { return }
        let failure = CounterBoard.ConnectFailure(result)
        counters.add(failure.counter)
        board.count(failure, of: Int(knot.pointee.upstreamIndex))
        knot.pointee.connectFailure = failure
    }

    private var isLeavingAtOnce: Bool { order >= .cut }
}
