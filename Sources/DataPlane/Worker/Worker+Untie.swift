import CLinux
import LinuxCalls

/// terminate → join → close: what is in flight is withdrawn and waited for, then the slot is freed.
extension Worker where E: ~Copyable {
    mutating func untie(_ slot: UInt32) {
        let knot = table[slot]
        knot.pointee.owed = []
        leaveLine(slot)
        for direction in Direction.allCases where knot.pointee[direction].isWaiting {
            if !withdraw(direction, slot) { owe(.untie, slot) }
        }
        for side in Side.allCases where knot.pointee.watched.has(side) {
            let tag = tag(slot, .watch, side.outgoing)
            if !engine.cancel(tag, on: knot.pointee.socket(of: side), tag) { owe(.untie, slot) }
        }
        if knot.pointee.isConnectInFlight { abandonConnect(slot) }
    }

    /// Whatever the lane has out that could stay out. False where not all of it could be withdrawn now.
    mutating func withdraw(_ direction: Direction, _ slot: UInt32) -> Bool {
        let knot = table[slot]
        let tag = tag(slot, .await, direction)
        let copying = knot.pointee[direction].copying
        if copying.isReceiving && !copying.isEnding && !endReceive(knot, direction, tag) { return false }
        // Without a wait before it, a send is answered at once.
        let hasWait = knot.pointee[direction].isWaitingForSink || (!copying.isReceiving && !copying.isSending)
        return !hasWait || engine.cancel(tag, on: awaited(slot, direction), tag)
    }

    /// Nothing is in flight: sockets, pipes, buffers and slot are let go of.
    mutating func close(_ slot: UInt32) {
        if jobs.exists { return closeJob(slot) }
        let knot = table[slot]
        giveBack(&knot.pointee.up)
        giveBack(&knot.pointee.down)
        close(knot.pointee.client, resetting: knot.pointee.resets.has(.client))
        if knot.pointee.upstream >= 0 && !knot.pointee.isLoopback {
            close(knot.pointee.upstream, resetting: knot.pointee.resets.has(.upstream))
        }
        if let counter = Counter.of(knot.pointee.cause) { counters.add(counter) }
        counters.add(.closed)
        endRecord(slot)
        forget(slot)
    }

    /// The slot is free again.
    mutating func forget(_ slot: UInt32) {
        uncountAtServer(slot)
        wheel.remove(slot, from: table)
        unlinkOwed(slot)
        table.release(slot)
        uncount()
    }

    mutating func close(_ socket: Int32, resetting: Bool) {
        if resetting { engine.setResetOnClose(socket) }
        engine.detach(socket)
        engine.close(socket)
    }

    /// A knot that is freed must not stay in the list of owed ones.
    private mutating func unlinkOwed(_ slot: UInt32) {
        let knot = table[slot]
        guard knot.pointee.isOwed else { return }
        knot.pointee.isOwed = false
        if firstOwed == slot {
            firstOwed = knot.pointee.nextInList
            return
        }
        var at = firstOwed
        while at != Knot.nowhere {
            let other = table[at]
            if other.pointee.nextInList == slot {
                other.pointee.nextInList = knot.pointee.nextInList
                return
            }
            at = other.pointee.nextInList
        }
    }
}
