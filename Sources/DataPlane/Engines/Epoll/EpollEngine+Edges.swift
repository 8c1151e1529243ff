import CLinux
import LinuxCalls

/// Edges wake the intents that wait for them; attempts turn into answers.
///
/// What an attempt's errno means, in this engine's terms:
/// - `-EAGAIN` from a fill: the pipe was empty, so the source is dry; wait for its next edge.
/// - `-EAGAIN` from a drain: the pipe holds bytes, so the sink is full; wait for its next edge.
/// - `-EINTR`: nothing moved; answered, and the worker asks again.
/// - 0 from a fill: FIN. Anything else is the connection's end or a shortage, and the knot's to judge (`Verdict`).
extension EpollEngine {
    mutating func noticed(_ descriptor: Int32, _ events: UInt32) {
        let record = record(descriptor)
        if record.pointee.reader == .accept { return acceptSome(descriptor) }

        if events & (clinux_epoll_hangup | clinux_epoll_error) != 0 {
            record.pointee.isLost = true
            if record.pointee.isWatched {
                record.pointee.isWatched = false
                answers.put(record.pointee.watchTag.with(.watch), PollEvents.hangup)
            }
        }
        if events & clinux_epoll_read_hangup != 0 { record.pointee.hasEnded = true }
        // A lost connection is readable and writable: the attempt is told what happened to it.
        let lost = clinux_epoll_hangup | clinux_epoll_error
        if events & clinux_epoll_urgent != 0 { record.pointee.hasUrgent = true }
        if events & (clinux_epoll_in | clinux_epoll_read_hangup | clinux_epoll_urgent | lost) != 0 {
            readable(descriptor)
        }
        if events & (clinux_epoll_out | lost) != 0 { writable(descriptor) }
    }

    private mutating func readable(_ socket: Int32) {
        let record = record(socket)
        switch record.pointee.reader {
        case .move:
            tryMove(socket)
        case .await:
            record.pointee.reader = .none
            record.pointee.isAnnounced = true
            answers.put(record.pointee.readerTag.with(.await), PollEvents.readable)
        case .receive:
            record.pointee.mayRead = true
            tryReceive(socket)
        case .none, .accept:
            record.pointee.mayRead = true
        }
    }

    private mutating func writable(_ socket: Int32) {
        let record = record(socket)
        record.pointee.isFull = false
        switch record.pointee.writer {
        case .drainHeld:
            tryDrain(socket)
        case .send:
            trySend(socket)
        case .room:
            record.pointee.writer = .none
            answers.put(record.pointee.writerTag, PollEvents.writable)
        case .connect:
            record.pointee.writer = .none
            answers.put(record.pointee.writerTag, clinux_pending_error(socket))
        case .none:
            break
        }
    }

    /// Fill and drain, back to back, as the ring's chain does.
    mutating func tryMove(_ source: Int32) {
        let record = record(source)
        let pipe = record.pointee.readerPipe
        let filled = clinux_splice(source, pipe.writeEnd, Int(record.pointee.readerLength))
        if filled == Int64(Errno.again) {
            record.pointee.mayRead = false
            if record.pointee.hasUrgent { stuckAtUrgent(source) }
            return
        }
        let tag = record.pointee.readerTag
        record.pointee.reader = .none
        // A full pipe says nothing of what is left; a receive that comes next has to look.
        record.pointee.isAnnounced = true
        answers.put(tag.with(.fill), Int32(truncatingIfNeeded: filled))
        guard filled > 0 else {
            answers.put(tag.with(.drain), Errno.again)
            return
        }
        let drained = clinux_splice(pipe.readEnd, record.pointee.readerSink, Int(filled))
        if drained == Int64(Errno.again) { self.record(record.pointee.readerSink).pointee.isFull = true }
        answers.put(tag.with(.drain), Int32(truncatingIfNeeded: drained))
    }

    /// splice(2) stops for good at an urgent byte, and says -EAGAIN. Told as «not spliceable», so that it is copied.
    private mutating func stuckAtUrgent(_ source: Int32) {
        let record = record(source)
        record.pointee.hasUrgent = false
        record.pointee.reader = .none
        answers.put(record.pointee.readerTag.with(.fill), Errno.invalid)
        answers.put(record.pointee.readerTag.with(.drain), Errno.again)
    }

    mutating func tryDrain(_ sink: Int32) {
        let record = record(sink)
        let drained = clinux_splice(record.pointee.writerPipe.readEnd, sink, Int(record.pointee.writerLength))
        if drained == Int64(Errno.again) {
            record.pointee.isFull = true
            return
        }
        record.pointee.writer = .none
        answers.put(record.pointee.writerTag.with(.drain), Int32(truncatingIfNeeded: drained))
    }

    /// A send that waits for room goes on waiting where there is none: nobody else would tell of it.
    mutating func trySend(_ sink: Int32) {
        let record = record(sink)
        let sent = attempt(record.pointee.writerSlice, to: sink)
        if sent == Errno.again { return }
        record.pointee.writer = .none
        answers.put(record.pointee.writerTag, sent)
    }

    /// One buffer, at most. What is read short was all there was (epoll(7)), unless recv stopped before an urgent byte, or behind bytes
    /// of a UNIX stream with which descriptors came along.
    mutating func tryReceive(_ source: Int32) {
        let record = record(source)
        record.pointee.reader = .none
        record.pointee.isAnnounced = false
        guard idleBufferCount > 0 else {
            record.pointee.mayRead = true
            return answers.put(record.pointee.readerTag, Errno.noBuffers)
        }
        let buffer = idleBuffers[idleBufferCount - 1]
        var hasStopped: Int32 = 0
        let received = clinux_receive_watchfully(source, buffers.start(of: buffer), buffers.bytes, &hasStopped)
        if received == Int64(Errno.again) {
            record.pointee.mayRead = false
            record.pointee.reader = .receive
            return
        }
        guard received > 0 else { return answers.put(record.pointee.readerTag, Int32(truncatingIfNeeded: received)) }
        idleBufferCount -= 1
        let isFull = received == Int64(buffers.bytes)
        let isWhole = !record.pointee.hasUrgent && hasStopped == 0
        let isDry = !isFull && isWhole && !record.pointee.hasEnded && !record.pointee.isLost
        record.pointee.mayRead = !isDry
        record.pointee.hasUrgent = false
        answers.put(
            record.pointee.readerTag, Int32(truncatingIfNeeded: received),
            flags: Completion.flags(buffer: buffer) | (isFull ? Completion.sourceNotEmpty : 0))
    }

    /// Sends what the sink takes now; its next edge tells of room where that is not all.
    mutating func attempt(_ slice: BufferSlice, to sink: Int32) -> Int32 {
        let start = buffers.start(of: slice.buffer) + Int(slice.offset)
        let sent = Int32(truncatingIfNeeded: clinux_send(sink, start, Int(slice.length)))
        if sent == Errno.again || (sent > 0 && UInt32(sent) < slice.length) { record(sink).pointee.isFull = true }
        return sent
    }

    private mutating func acceptSome(_ listener: Int32) {
        let tag = record(listener).pointee.readerTag
        for _ in 0..<Self.acceptsPerTurn {
            guard answers.room > Self.acceptsPerTurn else { return }
            let accepted = clinux_accept(listener)
            if accepted == Errno.again { return }
            if accepted < 0 {
                _ = clinux_epoll_remove(epoll, listener)
                return endAccept(listener, accepted)
            }
            answers.put(tag, accepted, flags: Completion.more)
        }
    }
}
