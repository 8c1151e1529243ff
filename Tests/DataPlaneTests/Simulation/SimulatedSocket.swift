import LinuxCalls

/// One of the worker's sockets, as a kernel sees it. What the worker writes waits in `outgoing` until the far end reads.
final class SimulatedSocket {
    /// -1 while a client waits in the accept queue.
    var number: Int32
    /// Nil before an upstream socket is connected.
    var far: FarEnd?
    var incoming = ByteRuns()
    var outgoing = ByteRuns()
    let incomingRoom: Int
    let outgoingRoom: Int
    var finCame = false
    var finSent = false
    /// RST has come. What came before it may still be read.
    var resetCame = false
    /// What SO_ERROR and the next failing call tell, once.
    var error: Int32 = 0
    /// A write has found no room since the last announcement of room (SOCK_NOSPACE).
    private var wantsRoom = false
    /// How often room was announced: what edges and multishot polls tell.
    private(set) var roomTold = 1
    var isAttached = false
    var resetsOnClose = false
    /// RST was sent: the far end learns of nothing that was still unsent.
    var resetSent = false
    var isClosed = false

    init(_ number: Int32, room: Int) {
        self.number = number
        incomingRoom = room
        outgoingRoom = room
    }

    /// SO_RCVLOWAT. A full window is announced whatever it says.
    var lowWater = 1
    var isReadable: Bool { incoming.count >= min(lowWater, incomingRoom) || finCame || resetCame }
    var hasRoom: Bool { outgoing.count < outgoingRoom }
    /// POLLHUP: a reset, or a socket that is shut down both ways.
    var hasHungUp: Bool { resetCame || (finCame && finSent) }

    /// A write was told -EAGAIN; room is announced when there is some, which may be at once.
    func wasFull() {
        wantsRoom = true
        if hasRoom { announceRoom() }
    }

    func announceRoom() {
        guard wantsRoom && hasRoom else { return }
        wantsRoom = false
        roomTold += 1
    }

    func takeError() -> Int32 {
        defer { error = 0 }
        return error
    }

    /// read(2) or splice(2) with nothing in the queue.
    var resultOfEmptyRead: Int32 {
        if resetCame { return takeError() }
        return finCame ? 0 : Errno.again
    }

    /// The far end's RST.
    func reset() {
        resetCame = true
        error = Errno.reset
        outgoing.removeAll()
    }

    func close() {
        isClosed = true
        // Unread bytes make close(2) send RST as well (RFC 2525, 2.17).
        if resetsOnClose || !incoming.isEmpty {
            resetSent = true
            outgoing.removeAll()
        } else {
            finSent = true
        }
    }
}

/// A pipe and who uses it.
final class SimulatedPipe {
    let readEnd: Int32
    let writeEnd: Int32
    let capacity: Int
    var bytes = ByteRuns()
    var openEnds = 2

    init(readEnd: Int32, writeEnd: Int32, capacity: Int) {
        self.readEnd = readEnd
        self.writeEnd = writeEnd
        self.capacity = capacity
    }
}
