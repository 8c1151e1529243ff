/// What one side may do next: the plan, read from its seat. Pure.
package struct Script: BitwiseCopyable, Sendable {
    package let plan: Plan
    package let side: Side

    package init(_ plan: Plan, _ side: Side) {
        self.plan = plan
        self.side = side
    }

    package enum Act: Equatable, Sendable {
        /// Nothing before more has come or gone.
        case wait
        /// Send FIN.
        case fin
        /// Both directions have ended by FIN.
        case done
        /// Send RST.
        case reset
        /// Close the socket as it is.
        case close
        /// Say nothing and wait for the time the recipe calls patience; then reset.
        case hold
    }

    private var isActor: Bool { plan.actor == side }
    private var sends: UInt64 { plan.bytes(side.sends) }
    private var receives: UInt64 { plan.bytes(side.receives) }

    /// How many bytes of this side's stream may have been sent by now.
    package func allowance(_ at: Progress) -> UInt64 {
        if plan.isEndless { return endlessAllowance(at) }
        var limit = sends
        if plan.turnUp > 0 { limit = min(limit, turnAllowance(at)) }
        if plan.peerFirst && side == .client && at.received == 0 { limit = 0 }
        switch plan.ending {
        case .finEarly where !isActor && !at.finReceived: limit = min(limit, heldUntilFin)
        case .resetIdle where !isActor && at.received < receives, .silence where !isActor && at.received < receives:
            // The last byte says that all has arrived here.
            limit = min(limit, sends &- min(1, sends))
        case .resetMid where isActor, .closeMid where isActor: limit = min(limit, plan.cut)
        case .finEarly, .finLate, .both, .resetIdle, .resetMid, .closeMid, .silence: break
        }
        return limit
    }

    /// What to do once everything allowed has been sent and nothing waits to be read.
    package func act(_ at: Progress) -> Act {
        if plan.isEndless { return orderly(at, mayEnd: endlessMayEnd(at)) }
        let hasAll = at.received >= receives
        let hasSent = at.sent >= sends
        switch plan.ending {
        case .both: return orderly(at, mayEnd: true)
        case .finEarly: return orderly(at, mayEnd: true)
        case .finLate: return orderly(at, mayEnd: !isActor || at.finReceived)
        case .resetIdle:
            if at.finReceived { return .close }
            return isActor && hasAll && hasSent ? .reset : .wait
        case .resetMid:
            if at.finReceived { return .close }
            return isActor && at.sent >= plan.cut ? .reset : .wait
        case .closeMid:
            if at.finReceived { return .close }
            return isActor && at.sent >= plan.cut ? .close : .wait
        case .silence:
            if at.finReceived { return .close }
            return hasAll && hasSent && (isActor || at.isStopping) ? .hold : .wait
        }
    }

    private func orderly(_ at: Progress, mayEnd: Bool) -> Act {
        if at.finSent { return at.finReceived ? .done : .wait }
        return mayEnd && at.sent >= allowance(at) && (plan.isEndless || at.sent >= sends) ? .fin : .wait
    }

    // MARK: Requests and answers

    /// The client may send one request more than it has answers; the peer may answer what it has received.
    private func turnAllowance(_ at: Progress) -> UInt64 {
        switch side {
        case .client: (at.received / plan.turnDown &+ 1).multipliedReportingOverflow(by: plan.turnUp).partialValue
        case .peer: (at.received / plan.turnUp).multipliedReportingOverflow(by: plan.turnDown).partialValue
        }
    }

    /// What goes out before the actor's early FIN: half the bytes, or all answers but the last.
    private var heldUntilFin: UInt64 {
        if plan.turnUp > 0 { return sends &- min(sends, plan.turnDown) }
        return max(1, sends / 2)
    }

    // MARK: Endless streams

    private func endlessAllowance(_ at: Progress) -> UInt64 {
        if plan.turnUp > 0 {
            // A request that was begun is finished.
            let whole =
                side == .client && at.isStopping ? (at.sent + plan.turnUp - 1) / plan.turnUp * plan.turnUp : .max
            return min(whole, turnAllowance(at))
        }
        let isOver = side == .client ? at.isStopping : at.finReceived
        return isOver ? at.sent : sends
    }

    private func endlessMayEnd(_ at: Progress) -> Bool {
        switch side {
        // The last answer is waited for.
        case .client: at.isStopping && (plan.turnUp == 0 || at.received / plan.turnDown >= at.sent / plan.turnUp)
        case .peer: at.finReceived
        }
    }
}
