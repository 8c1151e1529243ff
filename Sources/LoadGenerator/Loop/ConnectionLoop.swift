import CLinux
import LinuxCalls

/// One thread's connections, driven by edge-triggered epoll(7). The runner's loop and the peer's add how connections begin and
/// what their end means.
///
/// A slot is found by its socket's number. Nothing is allocated for a connection; the table's memory is touched as sockets
/// are used.
package class ConnectionLoop {
    package let board: LoopBoard
    let poller: Int32
    /// One more than the highest socket number (RLIMIT_NOFILE).
    let socketsMax: Int
    let buffer: UnsafeMutableRawBufferPointer
    var now = Clock.nowNanoseconds()
    /// Slots in use.
    private(set) var active = 0
    private let slots: UnsafeMutablePointer<Connection>
    private let events: UnsafeMutablePointer<clinux_epoll_event>
    private var queue: RunQueue
    private var timers = TimerHeap()
    private var serials: UInt32 = 0
    private var highest: Int32 = -1
    var inspectAt: Int64 = 0
    let startedAt = Clock.nowNanoseconds()

    static let eventsPerTurn = 256
    /// Bytes of one receive or send.
    static let transferBytesMax = 256 << 10
    /// Bytes one connection may move each way before it is the others' turn.
    static let bytesPerTurn = 1 << 20
    static let inspectEvery: Int64 = 1_000_000_000
    /// A program of this kind has no use for more, even where the limit is a billion.
    private static let socketsMaxEver: UInt64 = 1 << 20

    init(_ board: LoopBoard) throws(SystemError) {
        self.board = board
        socketsMax = Int(min(try ResourceLimit.descriptors().soft, Self.socketsMaxEver))
        poller = try checked(clinux_epoll_create(), "epoll_create1")
        guard let memory = clinux_zeroed(socketsMax, MemoryLayout<Connection>.stride) else {
            _ = clinux_close(poller)
            throw SystemError(Errno.noMemory, in: "calloc")
        }
        // All bytes zero is a free slot.
        slots = memory.bindMemory(to: Connection.self, capacity: socketsMax)
        events = .allocate(capacity: Self.eventsPerTurn)
        queue = RunQueue(capacity: socketsMax)
        buffer = .allocate(byteCount: Self.transferBytesMax + Header.bytes, alignment: 64)
    }

    deinit {
        for socket in 0..<max(0, highest + 1) where slots[Int(socket)].phase != .free { _ = clinux_close(socket) }
        _ = clinux_close(poller)
        clinux_free(slots)
        events.deallocate()
        buffer.deallocate()
    }

    // MARK: For the two kinds of loop

    /// An event of a socket that has no slot.
    func noticed(_ socket: Int32) {}
    /// The connection stands; the runner's only.
    func connected(_ connection: UnsafeMutablePointer<Connection>) {}
    func connectFailed(_ connection: UnsafeMutablePointer<Connection>, _ error: Int32) {}
    /// The first byte of the other side's stream is here.
    func heard(_ connection: UnsafeMutablePointer<Connection>) {}
    /// A whole answer is here; the runner's only.
    func answered(_ connection: UnsafeMutablePointer<Connection>) {}
    /// Reads the header or sends the report; the peer's only.
    func receiveHeader(_ socket: Int32) {}
    func reply(_ socket: Int32) {}
    /// The slot is about to be freed. `outcome` is nil where no header was seen.
    func ended(_ connection: UnsafeMutablePointer<Connection>, _ outcome: Outcome?) {}
    func record(of connection: UnsafeMutablePointer<Connection>) -> RunRecord? { nil }
    /// Before the header was complete.
    func isOverdue(_ connection: UnsafeMutablePointer<Connection>) -> Bool { false }

    // MARK: Slots

    func slot(_ socket: Int32) -> UnsafeMutablePointer<Connection> {
        precondition(socket >= 0 && Int(socket) < socketsMax, "ConnectionLoop: socket above the limit")
        return slots + Int(socket)
    }

    func socketNumber(_ connection: UnsafeMutablePointer<Connection>) -> Int32 { Int32(connection - slots) }

    /// Takes a socket in. The caller closes it where this fails.
    func adopt(_ socket: Int32, _ phase: Connection.Phase, _ side: Side, patience: Int64) -> Bool {
        guard Int(socket) < socketsMax else { return false }
        serials = serials &+ 1
        slot(socket).initialize(to: Connection(phase, side: side, serial: serials, now: now, patience: patience))
        let all = clinux_epoll_in | clinux_epoll_out | clinux_epoll_read_hangup
        guard clinux_epoll_add(poller, socket, all) >= 0 else {
            slot(socket).pointee.phase = .free
            return false
        }
        active += 1
        highest = max(highest, socket)
        return true
    }

    /// Gives a slot back; its socket is closed, by RST where that is asked for.
    func free(_ socket: Int32, resetting: Bool) {
        slot(socket).pointee.phase = .free
        active -= 1
        if resetting { _ = clinux_set_reset_on_close(socket) }
        _ = clinux_close(socket)
    }

    /// Ends a connection and says what its side has seen.
    func end(_ socket: Int32, _ own: Outcome.Own, _ change: (inout Outcome) -> Void = { _ in }) {
        let connection = slot(socket)
        var outcome = connection.pointee.outcome(own)
        change(&outcome)
        let isStreaming = connection.pointee.phase == .streaming || connection.pointee.phase == .connecting
        ended(connection, isStreaming ? outcome : nil)
        board.add(.finished)
        free(socket, resetting: own == .reset)
    }

    func forEachSlot(_ body: (Int32, UnsafeMutablePointer<Connection>) -> Void) {
        var socket: Int32 = 0
        while socket <= highest {
            let connection = slots + Int(socket)
            if connection.pointee.phase != .free { body(socket, connection) }
            socket += 1
        }
    }

    // MARK: Turns

    /// Lets a connection go on in this turn or the next one.
    func enqueue(_ socket: Int32) {
        let connection = slot(socket)
        guard connection.pointee.phase != .free, !connection.pointee.isQueued else { return }
        connection.pointee.isQueued = true
        queue.add(socket)
    }

    /// Lets a connection go on at a time.
    func wake(_ socket: Int32, at time: Int64) {
        let connection = slot(socket)
        guard connection.pointee.wakeAt == 0 || time < connection.pointee.wakeAt else { return }
        connection.pointee.wakeAt = time
        timers.add(TimerHeap.Entry(atNanoseconds: time, socket: socket, serial: connection.pointee.serial))
    }

    /// Waits for events, at most so long, and drives every connection that can go on.
    func turn(waiting: Int64) {
        let untilTimer = timers.first.map { max(0, $0.atNanoseconds - now) } ?? waiting
        let wait = queue.isEmpty ? min(waiting, untilTimer) : 0
        let count = clinux_epoll_wait(poller, events, Int32(Self.eventsPerTurn), wait)
        now = Clock.nowNanoseconds()
        for index in 0..<max(0, Int(count)) { dispatch(events[index].descriptor, events[index].events) }
        while let entry = timers.take(dueAt: now) {
            let connection = slot(entry.socket)
            guard connection.pointee.serial == entry.serial, connection.pointee.phase != .free else { continue }
            connection.pointee.wakeAt = 0
            enqueue(entry.socket)
        }
        for _ in 0..<queue.count {
            guard let socket = queue.take() else { break }
            slot(socket).pointee.isQueued = false
            drive(socket)
        }
        if now >= inspectAt { inspect() }
    }

    private func dispatch(_ socket: Int32, _ events: UInt32) {
        guard socket >= 0, Int(socket) < socketsMax, slot(socket).pointee.phase != .free else { return noticed(socket) }
        let connection = slot(socket)
        let isOver = events & (clinux_epoll_hangup | clinux_epoll_error | clinux_epoll_read_hangup) != 0
        if isOver { connection.pointee.hasHungUp = true }
        if isOver || events & clinux_epoll_in != 0 { connection.pointee.isReadable = true }
        if isOver || events & clinux_epoll_out != 0 { connection.pointee.isWritable = true }
        enqueue(socket)
    }

    private func drive(_ socket: Int32) {
        switch slot(socket).pointee.phase {
        case .free: break
        case .connecting: finishConnect(socket)
        case .greeting: receiveHeader(socket)
        case .streaming: stream(socket)
        case .replying: reply(socket)
        }
    }

    private func finishConnect(_ socket: Int32) {
        let connection = slot(socket)
        guard connection.pointee.isWritable else { return }
        let error = clinux_pending_error(socket)
        if error < 0 { return connectFailed(connection, error) }
        connection.pointee.phase = .streaming
        connection.pointee.progressAt = now
        connected(connection)
        stream(socket)
    }
}
