import CLiburing
import LinuxCalls

/// Intents become submission queue entries. A chain is put in as a whole or not at all.
extension UringEngine {
    package mutating func accept(_ listener: Int32, _ tag: Tag) -> Bool {
        guard hasRoom(1) else { return false }
        lsr_accept_multishot(ring, listener, Self.acceptedSocketFlags, tag.rawValue)
        return true
    }

    package mutating func connect(_ socket: Int32, to address: UnsafePointer<SocketAddress>, _ tag: Tag) -> Bool {
        guard hasRoom(1) else { return false }
        lsr_connect(ring, socket, address, address.pointee.length, tag.rawValue)
        return true
    }

    package mutating func awaitReadable(_ socket: Int32, _ tag: Tag) -> Bool {
        guard hasRoom(1) else { return false }
        lsr_poll(ring, socket, Self.readable, 0, tag.with(.await).rawValue)
        return true
    }

    /// A multishot poll tells each change once and stays.
    ///
    /// A plain poll would not do here: io_uring adds POLLRDHUP to whatever is asked for (kernel: IO_POLL_UNMASK), and a
    /// socket whose peer has sent FIN shows that all the time.
    package mutating func watch(_ socket: Int32, _ tag: Tag) -> Bool {
        guard hasRoom(1) else { return false }
        lsr_poll_multishot(ring, socket, UInt32(PollEvents.writable), tag.with(.watch).rawValue)
        return true
    }

    /// poll ─link→ fill ─hardlink→ drain.
    ///
    /// The first link is a plain one, so that a withdrawn poll takes the rest with it and no byte moves. The second must
    /// be hard: nearly every fill is shorter than asked for, and a short splice breaks a plain link, which would leave the
    /// bytes in the pipe (kernel: io_splice, req_set_fail).
    package mutating func move(
        from source: Int32, through pipe: PipePool.Pipe, to sink: Int32, length: UInt32, _ tag: Tag
    ) -> Bool {
        guard hasRoom(Self.chainMax) else { return false }
        lsr_poll(ring, source, Self.readable, lsr_link | lsr_quiet_success, tag.with(.await).rawValue)
        lsr_splice(ring, source, pipe.writeEnd, length, lsr_hardlink, tag.with(.fill).rawValue)
        lsr_splice(ring, pipe.readEnd, sink, length, 0, tag.with(.drain).rawValue)
        return true
    }

    /// poll ─link→ drain. For a watched sink the drain alone: its poll would be over at once (see `watch`), and the pair of
    /// them would spin.
    package mutating func drainHeld(
        from pipe: PipePool.Pipe, to sink: Int32, length: UInt32, isWatched: Bool, _ tag: Tag
    ) -> Bool {
        guard hasRoom(2) else { return false }
        if !isWatched {
            let events = UInt32(PollEvents.writable)
            lsr_poll(ring, sink, events, lsr_link | lsr_quiet_success, tag.with(.await).rawValue)
        }
        lsr_splice(ring, pipe.readEnd, sink, length, 0, tag.with(.drain).rawValue)
        return true
    }

    package mutating func provide(_ buffer: UInt16) {
        lsr_provide(bufferList, bufferListCount, buffers.start(of: buffer), UInt32(buffers.bytes), buffer)
    }

    package mutating func receive(from source: Int32, _ tag: Tag) -> Bool {
        guard hasRoom(1) else { return false }
        lsr_receive_multishot(ring, source, receiveLimit, tag.rawValue)
        return true
    }

    /// Never left to the ring to wait for room: it would poll the sink, and as `watch` says that poll is over at once where
    /// the peer has sent FIN. After some rounds of that the kernel sends from io-wq, blocking, and holds up every splice.
    package mutating func send(
        _ slice: BufferSlice, to sink: Int32, waits: Bool, isWatched: Bool, _ tag: Tag
    ) -> Bool {
        guard hasRoom(2) else { return false }
        if waits && !isWatched {
            let events = UInt32(PollEvents.writable)
            lsr_poll(ring, sink, events, lsr_link | lsr_quiet_success, tag.with(.await).rawValue)
        }
        lsr_send(ring, sink, buffers.start(of: slice.buffer) + Int(slice.offset), slice.length, tag.rawValue)
        return true
    }

    package mutating func cancel(_ target: Tag, on socket: Int32, _ tag: Tag) -> Bool {
        guard hasRoom(1) else { return false }
        lsr_cancel(ring, target.rawValue, tag.with(.cancel).rawValue)
        return true
    }

    private static var readable: UInt32 { UInt32(PollEvents.readable | PollEvents.readHangup) }
    private static var acceptedSocketFlags: Int32 { 0o4000 | 0o2000000 }  // SOCK_NONBLOCK | SOCK_CLOEXEC

    /// Room for `entries` in one go; a full queue is handed to the kernel first.
    private mutating func hasRoom(_ entries: UInt32) -> Bool {
        if lsr_space_left(ring) >= entries { return true }
        queueFullCount &+= 1
        _ = io_uring_submit(ring)
        return lsr_space_left(ring) >= entries
    }
}
