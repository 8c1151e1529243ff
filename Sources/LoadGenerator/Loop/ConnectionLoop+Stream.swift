/// Moving a connection's bytes and following its script.
extension ConnectionLoop {
    /// Receives, sends and acts until the socket, the script or the turn's share stops it.
    func stream(_ socket: Int32) {
        let connection = slot(socket)
        var receiveBudget = Self.bytesPerTurn
        var sendBudget = Self.bytesPerTurn
        while true {
            guard receive(socket, &receiveBudget), send(socket, &sendBudget) else { return }
            if connection.pointee.isReset && connection.pointee.isReadable && receiveBudget > 0 { continue }
            guard act(socket) else { break }
        }
        guard connection.pointee.phase == .streaming else { return }
        // What the share has stopped goes on when the others had their turn.
        if receiveBudget <= 0 || sendBudget <= 0 { enqueue(socket) }
    }

    /// RST has been noticed otherwise than by a read. What came before it is still to be read; after FIN there is nothing.
    /// False when the connection has ended.
    func metReset(_ socket: Int32) -> Bool {
        let connection = slot(socket)
        connection.pointee.isReset = true
        connection.pointee.isReadable = true
        guard connection.pointee.at.finReceived else { return true }
        end(socket, .open)
        return false
    }
}
