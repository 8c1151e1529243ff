import CLinux
import LinuxCalls

/// Once a second: connections that stand still, and what the thread has used. And violations as they are found.
extension ConnectionLoop {
    /// Finds connections that stand still, and shows what the thread has used.
    func inspect() {
        inspectAt = now + Self.inspectEvery
        showUse()
        forEachSlot { socket, connection in
            guard !isOverdue(connection) else { return end(socket, .reset) }
            let isTimed = connection.pointee.phase == .streaming || connection.pointee.phase == .connecting
            guard isTimed, now - connection.pointee.progressAt > connection.pointee.stuckAfter else { return }
            if connection.pointee.phase == .connecting { return connectFailed(connection, Errno.timedOut) }
            violate(connection, stuckKind(connection.pointee))
            end(socket, .reset) { $0.isStuck = true }
        }
    }

    /// A side that waits for FIN which the other one sent long ago cannot know that; both sides together do.
    private func stuckKind(_ connection: Connection) -> Violation.Kind {
        let isHeld = connection.plan.ending == .finEarly && connection.plan.actor != connection.side
        let awaitsFin = isHeld && !connection.at.finReceived
        return awaitsFin && connection.at.received >= connection.plan.bytes(connection.side.receives)
            ? .halfCloseForgotten : .stuck
    }

    func showUse() {
        board.set(.processorNanoseconds, UInt64(max(0, clinux_thread_processor_nanoseconds())))
        board.set(.wallNanoseconds, UInt64(max(1, now - startedAt)))
    }

    // MARK: Violations

    func violate(
        _ connection: UnsafeMutablePointer<Connection>, _ kind: Violation.Kind, direction: Direction? = nil,
        _ change: (inout Violation) -> Void = { _ in }
    ) {
        var violation = Violation(
            kind, id: connection.pointee.id, side: connection.pointee.side,
            direction: direction ?? connection.pointee.side.receives)
        (violation.sent, violation.received) = (connection.pointee.at.sent, connection.pointee.at.received)
        change(&violation)
        record(of: connection)?.add(violation)
    }
}
