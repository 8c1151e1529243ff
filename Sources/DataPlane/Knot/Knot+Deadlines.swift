extension Knot {
    /// The moment at which `expired` should look at this knot again, in milliseconds of the monotonic clock.
    package func deadline(at now: Int64, _ timeouts: Timeouts) -> Int64 {
        switch phase {
        case .free, .untying: return .max
        case .greeting:
            return Self.look(at: sinceMillis &+ timeouts.greetingMillis, from: now)
        case .queued: return sinceMillis &+ timeouts.waitMillis
        case .connecting: return sinceMillis &+ timeouts.connectMillis
        case .flushing: return now &+ flushPauseMillis(at: now)
        case .tied:
            let whole = min(activeAtMillis &+ quietMillisMax(timeouts), endOfLife(timeouts))
            return min(whole, min(laneDeadline(.up, at: now, timeouts), laneDeadline(.down, at: now, timeouts)))
        }
    }

    private func laneDeadline(_ direction: Direction, at now: Int64, _ timeouts: Timeouts) -> Int64 {
        let active = self[direction].activeAtMillis
        var earliest = Int64.max
        if holdsPipeWhileWaiting(direction) { earliest = Self.look(at: active &+ timeouts.pipeIdleMillis, from: now) }
        if self[direction].copying.isUnsure {
            earliest = min(earliest, Self.look(at: active &+ Lane.probeMillis, from: now))
        }
        return earliest
    }

    /// When to look for what is due. Once it is, what comes of it is under way.
    private static func look(at due: Int64, from now: Int64) -> Int64 {
        now < due ? due : now &+ withdrawalPauseMillis
    }

    /// A deadline may have come; what is due is done, what is not is left.
    package mutating func expired(at now: Int64, _ timeouts: Timeouts) -> Step {
        switch phase {
        case .free, .untying:
            return []
        case .greeting:
            guard now >= sinceMillis &+ timeouts.greetingMillis else { return [] }
            return up.isWaiting ? Step.withdraw.on(.up) : .look
        case .queued:
            return now >= sinceMillis &+ timeouts.waitMillis ? .turnAway : []
        case .connecting:
            return isConnectInFlight && now >= sinceMillis &+ timeouts.connectMillis ? .abandonConnect : []
        case .flushing:
            return now >= sinceMillis &+ timeouts.finMillis ? flushed() : .flush
        case .tied:
            if now >= endOfLife(timeouts) { return cut(.lifetime) }
            if now >= activeAtMillis &+ quietMillisMax(timeouts) {
                if answersItself && down.state == .over { return leaveAnswered() }
                return cut(isSilentHalf ? .finTimeout : .idleTimeout)
            }
            return withdrawIfIdle(.up, at: now, timeouts).union(withdrawIfIdle(.down, at: now, timeouts))
                .union(probeIfUnsure(.up, at: now)).union(probeIfUnsure(.down, at: now))
        }
    }

    /// There is no event for an empty send queue, so it is looked at: every tick at first, later every tenth of a second, so
    /// that thousands of resets at once towards slow readers cost little.
    private func flushPauseMillis(at now: Int64) -> Int64 { min(100, max(0, now &- sinceMillis) / 4) }

    private static let withdrawalPauseMillis: Int64 = 100

    package var isHalfClosed: Bool { up.state == .over || (down.state == .over && !isLoopback) }

    /// Half-closed, and no byte waits for a slow reader: those are never cut early.
    private var isSilentHalf: Bool { isHalfClosed && bytesHeld == 0 && !(answersItself && down.state != .over) }

    private func quietMillisMax(_ timeouts: Timeouts) -> Int64 {
        guard isSilentHalf else { return timeouts.idleMillis }
        return answersItself ? timeouts.finMillis : timeouts.finMillis(after: endedFirst)
    }

    /// `max` for never. The jitter is mixed from what no two living knots of a worker have in common, so that nothing has to be kept.
    private func endOfLife(_ timeouts: Timeouts) -> Int64 {
        guard timeouts.lifetimeMillis != .max, !isLent, !answersItself else { return .max }
        // splitmix64's finish (Steele, Lea, Flood, 2014).
        var mixed = UInt64(generation) << 32 ^ UInt64(UInt32(bitPattern: client))
        mixed = (mixed ^ UInt64(bitPattern: sinceMillis)) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        let part = Int64(mixed >> 48)
        let jitter = timeouts.lifetimeMillis / 100 &* timeouts.lifetimeJitterPercent
        return sinceMillis &+ timeouts.lifetimeMillis &- (jitter &* part) >> 16
    }

    private func holdsPipeWhileWaiting(_ direction: Direction) -> Bool {
        let lane = self[direction]
        return lane.state == .moving && lane.hasPipe && lane.isWaiting
    }

    private func probeIfUnsure(_ direction: Direction, at now: Int64) -> Step {
        let lane = self[direction]
        guard lane.copying.isUnsure, now >= lane.activeAtMillis &+ Lane.probeMillis else { return [] }
        return Step.probe.on(direction)
    }

    private func withdrawIfIdle(_ direction: Direction, at now: Int64, _ timeouts: Timeouts) -> Step {
        guard holdsPipeWhileWaiting(direction) else { return [] }
        let isDue = now >= self[direction].activeAtMillis &+ timeouts.pipeIdleMillis
        return isDue ? Step.withdraw.on(direction) : []
    }
}
