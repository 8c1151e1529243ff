import LinuxCalls

/// Where no upstream can be had, the client gets a file (`PoolSettings.fallback`) as a `send` job sends one, and FIN.
extension Worker where E: ~Copyable {
    /// False where there is no descriptor left for it.
    ///
    /// Each knot has a descriptor of its own, so that whoever has begun with a file ends with it, and closes it as it would an
    /// upstream's socket.
    mutating func answer(_ slot: UInt32, for cause: Cause = .connectFailed) -> Bool {
        let file = engine.duplicate(servers[table[slot].pointee.pool].pointee.fallback)
        guard file >= 0 else { return false }
        counters.add(.answered)
        let knot = table[slot]
        // While it has waited for a server; now room is waited for. A ring without room for this keeps the watch, which tells of both.
        if knot.pointee.watched.has(.client) {
            let tag = tag(slot, .watch)
            _ = engine.cancel(tag, on: knot.pointee.client, tag)
        }
        // Nothing but full segments, and with FIN the rest.
        if knot.pointee.tcp.has(.client) { engine.setCorked(knot.pointee.client, true) }
        perform(knot.pointee.answer(with: file, for: cause, at: now), slot)
        return true
    }

    /// As much as a turn allows.
    mutating func answerOn(_ slot: UInt32) {
        let knot = table[slot]
        guard knot.pointee.wants(.down).contains(.move) else { return }
        var sending = Job(.send, place: 0)
        sending.first = knot.pointee.upstream
        sending.second = knot.pointee.client
        // The file is in memory and sealed: never cold, never shorter than it was, and its end is the end.
        var readUpTo = Int64.max
        let carried = engine.carryFile(sending, from: knot.pointee.down.bytesMoved, readUpTo: &readUpTo)
        if carried.moved > 0 {
            noteDelivery(knot, slot)
            counters.add(.bytesDown, UInt64(UInt32(bitPattern: carried.moved)))
        }
        let step = knot.pointee.hasCarried(.down, carried, at: now)
        guard step == Step.move.on(.down) else {
            perform(step, slot)
            return schedule(slot)
        }
        // The others have their turn first.
        isHurried = true
        owe(step, slot)
    }

    /// Up to the source's last byte, since nothing announces what is left in it; who talks without end is heard by turns.
    mutating func discard(_ slot: UInt32) {
        let knot = table[slot]
        guard knot.pointee.answersItself, knot.pointee.phase == .tied, knot.pointee.up.state == .resting else { return }
        var step: Step = .discard
        for _ in 0..<Self.discardsPerTurn where step == .discard {
            let result = engine.discard(
                knot.pointee.client, by: plainBuffer, isTCP: knot.pointee.tcp.has(.client))
            if result > 0 { counters.add(.bytesDiscarded, UInt64(UInt32(bitPattern: result))) }
            step = knot.pointee.hasDiscarded(result, at: now)
        }
        guard step == .discard else { return perform(step, slot) }
        isHurried = true
        owe(step, slot)
    }

    private static var discardsPerTurn: Int { 16 }
}
