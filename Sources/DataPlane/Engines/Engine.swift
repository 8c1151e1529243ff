import LinuxCalls

/// A proactor: it takes intents and answers each with completions, a count or `-errno`.
///
/// Both engines speak this one language. io_uring is never made to imitate readiness; epoll imitates completions.
/// Every intent returns false where it could not be taken now (the submission queue is full); the caller asks again later.
///
/// A chain (`move`, `drainHeld`) is answered link by link. Where its wait fails or is withdrawn, the one completion of the
/// wait (`Operation.await`) stands for the whole chain; where the wait succeeds, it is not answered.
package protocol Engine: SystemCalls, ~Copyable {
    /// Sockets have to be shown to the engine before use and taken from it before they are closed.
    mutating func attach(_ socket: Int32)
    mutating func detach(_ socket: Int32)
    /// Takes a socket from the engine that stays open.
    mutating func release(_ socket: Int32)

    /// Connections from a listener until told otherwise. Answers: descriptors or `-errno`; `goesOn` is false on the last.
    mutating func accept(_ listener: Int32, _ tag: Tag) -> Bool

    /// Answers 0 or `-errno` of connect(2). Attaches the socket.
    mutating func connect(_ socket: Int32, to address: UnsafePointer<SocketAddress>, _ tag: Tag) -> Bool

    /// Answers poll events (poll(2)) once the socket is readable, at its end or lost.
    mutating func awaitReadable(_ socket: Int32, _ tag: Tag) -> Bool

    /// What an `awaitReadable` has announced was left in the socket: the next one announces it again.
    mutating func leaveUnread(_ socket: Int32)

    /// Watches a socket that is only written to: answers poll events when it is gone (`PollEvents.tellLoss`) and may answer
    /// when it has room again. May answer more than once: `goesOn` is false on the last.
    mutating func watch(_ socket: Int32, _ tag: Tag) -> Bool

    /// Tells by a `watch` answer when the socket has room, having had none; for sockets that are not watched for their loss.
    mutating func awaitRoom(_ socket: Int32, _ tag: Tag) -> Bool

    /// Waits for the source, moves up to `length` bytes into the pipe and on into the sink. Answers `fill`, then `drain`.
    mutating func move(
        from source: Int32, through pipe: PipePool.Pipe, to sink: Int32, length: UInt32, _ tag: Tag
    ) -> Bool

    /// Waits for the sink and moves exactly `length` bytes, which the pipe holds. Answers `drain`.
    ///
    /// - Parameter isWatched: a `watch` of the sink is out, which tells of room better than the wait can. The engine may
    ///   then leave the wait out and answer `-EAGAIN`.
    mutating func drainHeld(
        from pipe: PipePool.Pipe, to sink: Int32, length: UInt32, isWatched: Bool, _ tag: Tag
    ) -> Bool

    /// The memory that `receive` puts bytes into.
    var buffers: BufferMemory { get }

    /// Gives the engine a buffer to fill. It has it until a completion brings it back.
    mutating func provide(_ buffer: UInt16)

    /// Copies the bytes of one buffer behind those of another one, where there is room for them.
    func join(_ slice: BufferSlice, behind place: BufferSlice)

    /// Receives from a source whenever it has something, each time into one buffer. Answers `receive`: a count with the
    /// buffer, 0 at the source's end, `-ENOBUFS` where no buffer was left. `goesOn` is false on the last, which may come at
    /// any time.
    mutating func receive(from source: Int32, _ tag: Tag) -> Bool

    /// Sends bytes of one buffer, as many as there is room for, at once. Answers `send`: a count or `-EAGAIN`.
    ///
    /// - Parameters:
    ///   - waits: waits for room before, and the wait's failure (`await`) stands for the send as well.
    ///   - isWatched: see `drainHeld`.
    mutating func send(_ slice: BufferSlice, to sink: Int32, waits: Bool, isWatched: Bool, _ tag: Tag) -> Bool

    /// Ends the operation that carries `target`, which answers `-ECANCELED` if this comes in time. `socket` is what the
    /// operation waits for.
    mutating func cancel(_ target: Tag, on socket: Int32, _ tag: Tag) -> Bool

    /// Hands all intents to the kernel and waits for a completion, at most `nanoseconds` (negative: without end, 0: not
    /// at all).
    mutating func turn(waitingNanoseconds: Int64, _ counters: borrowing Counters)

    /// It may be that a turn would bring completions; cheap to ask, again and again.
    var isRipe: Bool { get }

    /// Copies completions out, at most a batch. Returns how many.
    mutating func reap(into batch: borrowing CompletionBatch, _ counters: borrowing Counters) -> Int
}

extension Engine where Self: ~Copyable {
    /// Where a wait looks at what there is.
    package mutating func leaveUnread(_ socket: Int32) {}

    /// Where a watch tells of room.
    package mutating func awaitRoom(_ socket: Int32, _ tag: Tag) -> Bool { watch(socket, tag) }

    package mutating func release(_ socket: Int32) {
        detach(socket)
    }

    package func join(_ slice: BufferSlice, behind place: BufferSlice) {
        let to = buffers.start(of: place.buffer) + Int(place.offset) + Int(place.length)
        to.copyMemory(from: buffers.start(of: slice.buffer) + Int(slice.offset), byteCount: Int(slice.length))
    }
}
