/// Copying, and the changes between copying and splicing. A change is exact: a lane leaves copying when no receive is out
/// and its queue is empty, and splicing when no chain is out and its pipe is empty.
extension Knot {
    /// A receive has answered; what it brought is in the lane's queue.
    /// - Parameter provesBulk: by its gauge, the lane would do better to splice.
    package mutating func hasReceived(
        _ direction: Direction, _ result: Int32, goesOn: Bool, leavesMore: Bool, provesBulk: Bool, at now: Int64
    ) -> Step {
        let outcome = self[direction].hasReceived(result, goesOn: goesOn, leavesMore: leavesMore)
        if provesBulk && relay != .copy { self[direction].leaveCopying() }
        let step = follow(outcome, direction, at: now)
        // Nothing hints at the end of a UNIX stream, and whoever closes behind his last bytes is common: it is looked for at once.
        guard self[direction].copying.isUnsure, !tcp.has(direction.source), phase == .tied else { return step }
        return step.union(Step.probe.on(direction))
    }

    /// The withdrawal of a receive has failed: it may have ended by itself, or may have been on its way somewhere.
    package mutating func missedCancel(_ direction: Direction) -> Step {
        self[direction].missedEndOfReceive()
        guard self[direction].copying.isReceiving else { return [] }
        if phase == .untying { return .untie }
        let isUnwanted = self[direction].state == .over || self[direction].wantsEndOfReceive
        return isUnwanted ? Step.endReceive.on(direction) : []
    }

    /// Somebody has looked at a source whose receive may have missed its end. If it has ended, a fresh receive will tell.
    package mutating func hasProbed(_ direction: Direction, hasEnded: Bool) -> Step {
        self[direction].isSure()
        return hasEnded && self[direction].copying.isReceiving ? Step.endReceive.on(direction) : []
    }

    /// What a copying lane does next.
    mutating func copyOn(_ direction: Direction, at now: Int64) -> Step {
        if self[direction].isFlushed {
            switch self[direction].copying.sourceEnd {
            case .fin: return sourceEnded(direction, at: now)
            case .lost:
                self[direction].end()
                return lose(direction.source, at: now)
            case .none: break
            }
            if self[direction].copying.isLeaving && !self[direction].copying.isReceiving {
                self[direction].splice(.bulk)
                return Step.move.on(direction)
            }
        }
        return self[direction].wantedSteps.on(direction)
    }

    /// The pipe is empty and no chain is out: copy from here on.
    package mutating func copyInstead(_ direction: Direction, _ reason: RelayReason, at now: Int64) -> Step {
        self[direction].copy(reason)
        return Step.giveBack.on(direction).union(copyOn(direction, at: now))
    }
}
