import LinuxCalls

/// Where no upstream can be had, the client gets a file (`PoolSettings.fallback`) by the same chains as everything else, and FIN.
extension Worker where E: ~Copyable {
    /// False where there is no descriptor left for it.
    ///
    /// Each knot has a descriptor of its own, so that whoever has begun with a file ends with it, and closes it as it would an
    /// upstream's socket.
    mutating func answer(_ slot: UInt32) -> Bool {
        let file = engine.duplicate(servers[table[slot].pointee.pool].pointee.fallback)
        guard file >= 0 else { return false }
        counters.add(.answered)
        let knot = table[slot]
        perform(knot.pointee.answer(with: file, at: now), slot)
        return true
    }

    /// The next part, for a lane with an empty pipe. False where it cannot be taken now.
    mutating func answerOn(_ knot: UnsafeMutablePointer<Knot>, _ tag: Tag) -> Bool {
        let pipe = pipes[knot.pointee.down.pipe]
        let length = min(settings.chunkBytes, pipe.capacity)
        // The file is in memory and sealed: never cold, and never shorter than it was.
        let offset = Int64(knot.pointee.down.bytesMoved)
        guard
            engine.moveFile(
                knot.pointee.upstream, at: offset, through: pipe, to: knot.pointee.client, length: length, tag)
        else { return false }
        knot.pointee.down.submittedFileMove(asking: length)
        return true
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
