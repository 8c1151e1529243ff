import LinuxCalls

/// Sessions of servers that have gone down. Where none has, all of it is a look at one word for each turn.
extension Worker where E: ~Copyable {
    mutating func leaveFallen() {
        let falls = servers.falls
        guard falls != fallsSeen else { return }
        fallsSeen = falls
        for slot in 0..<table.slotsEverUsed {
            let knot = table[slot]
            guard knot.pointee.upstream >= 0, !knot.pointee.answersItself, !knot.pointee.isLoopback,
                servers.isForsaken(knot.pointee.upstreamIndex, knot.pointee.pool)
            else { continue }
            switch knot.pointee.phase {
            case .tied: follow(knot.pointee.cut(.serverDown), slot)
            // Another server is tried.
            case .connecting: follow(.abandonConnect, slot)
            // What the server has sent before is still delivered.
            case .greeting, .queued, .flushing, .untying, .free: break
            }
        }
    }
}
