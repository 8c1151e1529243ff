import CLinux
import LinuxCalls

/// Intents: tried at once, or left in the socket's record.
extension EpollEngine {
    package mutating func accept(_ listener: Int32, _ tag: Tag) -> Bool {
        let record = record(listener)
        record.pointee = SocketRecord()
        record.pointee.reader = .accept
        record.pointee.readerTag = tag
        // Level triggered, one worker woken at a time where several share the socket (EPOLLEXCLUSIVE).
        let added = clinux_epoll_add_level(epoll, listener, clinux_epoll_in)
        if added < 0 { endAccept(listener, added) }
        return true
    }

    package mutating func connect(_ socket: Int32, to address: UnsafePointer<SocketAddress>, _ tag: Tag) -> Bool {
        let result = address.pointee.withBytes { clinux_connect(socket, $0.baseAddress, address.pointee.length) }
        // Attached only now: an unconnected socket would announce a hang-up.
        attach(socket)
        if result == Errno.inProgress {
            record(socket).pointee.writer = .connect
            record(socket).pointee.writerTag = tag
        } else {
            answers.put(tag, result)
        }
        return true
    }

    package mutating func awaitReadable(_ socket: Int32, _ tag: Tag) -> Bool {
        let record = record(socket)
        if record.pointee.mayRead {
            record.pointee.mayRead = false
            record.pointee.isAnnounced = true
            answers.put(tag.with(.await), PollEvents.readable)
        } else {
            record.pointee.reader = .await
            record.pointee.readerTag = tag
        }
        return true
    }

    /// An edge tells of it once.
    package mutating func leaveUnread(_ socket: Int32) { record(socket).pointee.mayRead = true }

    package mutating func watch(_ socket: Int32, _ tag: Tag) -> Bool {
        let record = record(socket)
        if record.pointee.isLost {
            answers.put(tag.with(.watch), PollEvents.hangup)
        } else {
            record.pointee.isWatched = true
            record.pointee.watchTag = tag
        }
        return true
    }

    package mutating func awaitRoom(_ socket: Int32, _ tag: Tag) -> Bool {
        record(socket).pointee.writer = .room
        record(socket).pointee.writerTag = tag.with(.watch)
        return true
    }

    package mutating func move(
        from source: Int32, through pipe: PipePool.Pipe, to sink: Int32, length: UInt32, _ tag: Tag
    ) -> Bool {
        let record = record(source)
        record.pointee.reader = .move
        record.pointee.readerTag = tag
        record.pointee.readerPipe = pipe
        record.pointee.readerSink = sink
        record.pointee.readerLength = length
        // Always tried: what an earlier wait announced may still be there.
        tryMove(source)
        return true
    }

    package mutating func drainHeld(
        from pipe: PipePool.Pipe, to sink: Int32, length: UInt32, isWatched: Bool, _ tag: Tag
    ) -> Bool {
        let record = record(sink)
        record.pointee.writer = .drainHeld
        record.pointee.writerTag = tag
        record.pointee.writerPipe = pipe
        record.pointee.writerLength = length
        if !record.pointee.isFull { tryDrain(sink) }
        return true
    }

    package mutating func provide(_ buffer: UInt16) {
        idleBuffers[idleBufferCount] = buffer
        idleBufferCount += 1
    }

    /// Answers once and is over: the worker asks again, and so gives the others their turn.
    package mutating func receive(from source: Int32, _ tag: Tag) -> Bool {
        let record = record(source)
        record.pointee.reader = .receive
        record.pointee.readerTag = tag
        if record.pointee.mayRead || record.pointee.isAnnounced { tryReceive(source) }
        return true
    }

    package mutating func send(
        _ slice: BufferSlice, to sink: Int32, waits: Bool, isWatched: Bool, _ tag: Tag
    ) -> Bool {
        guard waits else {
            answers.put(tag, attempt(slice, to: sink))
            return true
        }
        let record = record(sink)
        record.pointee.writer = .send
        record.pointee.writerTag = tag
        record.pointee.writerSlice = slice
        if !record.pointee.isFull { trySend(sink) }
        return true
    }

    package mutating func cancel(_ target: Tag, on socket: Int32, _ tag: Tag) -> Bool {
        let record = record(socket)
        switch target.operation {
        case .await:
            if record.pointee.reader == .await || record.pointee.reader == .move,
                record.pointee.readerTag.with(.await) == target
            {
                record.pointee.reader = .none
                answers.put(target, Errno.canceled)
            } else if record.pointee.writer == .drainHeld || record.pointee.writer == .send,
                record.pointee.writerTag.with(.await) == target
            {
                record.pointee.writer = .none
                answers.put(target, Errno.canceled)
            }
        case .connect:
            if record.pointee.writer == .connect, record.pointee.writerTag == target {
                record.pointee.writer = .none
                answers.put(target, Errno.canceled)
            }
        case .watch:
            if record.pointee.isWatched, record.pointee.watchTag.with(.watch) == target {
                record.pointee.isWatched = false
                answers.put(target, Errno.canceled)
            } else if record.pointee.writer == .room, record.pointee.writerTag == target {
                record.pointee.writer = .none
                answers.put(target, Errno.canceled)
            }
        case .accept:
            if record.pointee.reader == .accept, record.pointee.readerTag == target {
                _ = clinux_epoll_remove(epoll, socket)
                endAccept(socket, Errno.canceled)
            }
        case .receive:
            if record.pointee.reader == .receive, record.pointee.readerTag == target {
                record.pointee.reader = .none
                answers.put(target, Errno.canceled)
            }
        case .fill, .drain, .send, .cancel, nil:
            break
        }
        return true
    }

    /// The last answer of an accept.
    mutating func endAccept(_ listener: Int32, _ result: Int32) {
        let record = record(listener)
        record.pointee.reader = .none
        answers.put(record.pointee.readerTag, result)
    }
}
