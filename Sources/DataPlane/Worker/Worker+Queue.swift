import CLinux
import LinuxCalls

/// Pools whose servers have limits, and clients that wait until one has room: first come, first served.
///
/// Within a worker the order is exact; between workers the one whose first client has waited longest is next. Where nobody waits, all of
/// this is a look at one number for each turn.
extension Worker where E: ~Copyable {
    /// The first server for a knot that has begun. Nobody overtakes those who wait.
    mutating func connectWithinLimits(_ slot: UInt32) {
        let pool = table[slot].pointee.pool
        guard queues.board.waiting(in: pool) > 0 || !tryServers(slot) else { return }
        wait(slot)
    }

    /// False where all servers that are not down are full; otherwise the knot goes on.
    private mutating func tryServers(_ slot: UInt32) -> Bool {
        let pool = table[slot].pointee.pool
        for _ in 0...servers[pool].pointee.count {
            guard let server = chooseServer(slot) else {
                if servers.hasServers(pool) { return false }
                hasNoServer(slot)
                return true
            }
            // Another worker may have been quicker.
            guard servers.enter(server, pool) else { continue }
            if table[slot].pointee.isInLine {
                leaveLine(slot)
                let knot = table[slot]
                knot.pointee.leaveQueue(at: now)
            }
            begin(server, slot)
            return true
        }
        return false
    }

    private mutating func wait(_ slot: UInt32) {
        let knot = table[slot]
        let pool = knot.pointee.pool
        guard queues.board.enter(pool, atMost: servers[pool].pointee.queueMax) else {
            return turnAway(slot, .queueFull)
        }
        counters.add(.queued)
        let step = knot.pointee.queue(at: now)
        if queues.count == 0 { queuesLookAtMillis = now &+ Self.queuesLookMillis }
        queues.append(slot, in: table)
        board.publish(.waiting, queues.count)
        // Either whoever makes room from here on sees that somebody waits, or this worker sees the room.
        clinux_fence()
        areQueuesDue = true
        perform(step, slot)
    }

    /// The knot waits no longer, if it did.
    mutating func leaveLine(_ slot: UInt32) {
        guard table[slot].pointee.isInLine else { return }
        queues.remove(slot, in: table)
        board.publish(.waiting, queues.count)
    }

    // MARK: Room

    /// A server of the pool has one connection less: the next client is served in this turn, or by another worker.
    mutating func hasRoom(in pool: UInt16) {
        clinux_fence()
        if queues.first(of: pool) != nil {
            areQueuesDue = true
        } else if queues.board.waiting(in: pool) > 0, let bell = queues.board.bell(before: .max, pool) {
            engine.ring(bell)
        }
    }

    /// How often those who wait look by themselves, for what nobody tells: a server that is up again, a limit that has been raised.
    private static var queuesLookMillis: Int64 { 50 }

    mutating func serveQueues() {
        guard queues.count > 0 else { return }
        guard areQueuesDue || now >= queuesLookAtMillis else { return }
        areQueuesDue = false
        queuesLookAtMillis = now &+ Self.queuesLookMillis
        for pool in 0..<servers.pools where queues.first(of: pool) != nil { serveQueue(of: pool) }
    }

    private mutating func serveQueue(of pool: UInt16) {
        while servers.hasRoom(pool, at: now) || !servers.hasServers(pool) {
            let slot = queues.first(of: pool)
            let since = slot.map { table[$0].pointee.sinceMillis } ?? .max
            if let bell = queues.board.bell(before: since, pool), slot == nil || queues.yields(pool, at: now) {
                return engine.ring(bell)
            }
            guard let slot, tryServers(slot) else { return }
            queues.yieldsNoMore(pool)
            follow([], slot)
        }
        queues.yieldsNoMore(pool)
    }
}
