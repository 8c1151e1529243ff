import CLinux

/// What the script says besides sending: FIN, RST, closing, holding.
extension ConnectionLoop {
    /// Does what the script says. True when something was done that may lead on.
    func act(_ socket: Int32) -> Bool {
        let connection = slot(socket)
        guard !connection.pointee.isReset else { return false }
        if connection.pointee.side == .client && connection.pointee.headerCount < Header.bytes { return false }
        if connection.pointee.at.finReceived && connection.pointee.hasHungUp && clinux_pending_error(socket) < 0 {
            // RST behind FIN shows as an error without anything to read.
            return metReset(socket)
        }
        switch connection.pointee.script.act(connection.pointee.at) {
        case .wait: return false
        case .fin:
            guard connection.pointee.writeAfter <= now || connection.pointee.at.isStopping else {
                wake(socket, at: connection.pointee.writeAfter)
                return false
            }
            connection.pointee.progressAt = now
            // ENOTCONN: RST has come.
            guard clinux_shutdown_write(socket) >= 0 else { return metReset(socket) }
            connection.pointee.at.finSent = true
            return true
        case .done: end(socket, .fin)
        case .close: end(socket, .close)
        case .reset: return pause(socket, nanoseconds: resetPause(connection))
        case .hold:
            return pause(socket, nanoseconds: connection.pointee.at.isStopping ? 0 : connection.pointee.patience)
        }
        return false
    }

    /// An idle connection is really idle for a moment before it is reset.
    private func resetPause(_ connection: UnsafeMutablePointer<Connection>) -> Int64 {
        guard connection.pointee.plan.ending == .resetIdle, connection.pointee.plan.turnUp == 0 else { return 0 }
        return Int64(connection.pointee.draw.within(0...10)) * 1_000_000
    }

    /// Holds the connection for a while, and then resets it.
    private func pause(_ socket: Int32, nanoseconds: Int64) -> Bool {
        let connection = slot(socket)
        if connection.pointee.holdUntil == 0 { connection.pointee.holdUntil = now + nanoseconds }
        if connection.pointee.holdUntil <= now || connection.pointee.at.isStopping {
            end(socket, .reset)
        } else {
            wake(socket, at: connection.pointee.holdUntil)
        }
        return false
    }
}
