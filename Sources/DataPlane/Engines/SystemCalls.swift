import CLinux
import LinuxCalls

/// What the worker asks of the kernel besides its intents: calls that answer at once.
///
/// They belong to the engine so that a test can stand in for the kernel as a whole, time included. The real engines take the
/// defaults below. Each call returns what the system call returns, or `-errno`.
package protocol SystemCalls: ~Copyable {
    /// The monotonic clock in milliseconds.
    func nowMillis() -> Int64
    /// The monotonic clock in nanoseconds.
    func nowNanos() -> Int64
    /// The wall clock in milliseconds since 1970, for records only.
    func wallMillis() -> Int64

    /// socket(2): a stream socket that does not block, for one connection to an upstream.
    func openSocket(family: Int32) -> Int32
    /// bind(2) to an address of this machine; connect(2) will choose the port (IP_BIND_ADDRESS_NO_PORT, ip(7)).
    func bindSource(_ socket: Int32, _ address: UnsafePointer<SocketAddress>) -> Int32
    /// What every TCP socket of ours has: TCP_NODELAY, and urgent bytes in line (SO_OOBINLINE).
    func prepareTCP(_ socket: Int32)
    /// An option that somebody asked for: 0 or `-errno`.
    func setOption(_ socket: Int32, _ option: SocketOption) -> Int32
    /// accept4(2), outside of an accept intent.
    func acceptNow(_ listener: Int32) -> Int32
    /// getpeername(2): who is at the other end; `unknown` and `-errno` where it cannot be told.
    func peerAddress(of socket: Int32, _ address: inout SocketAddress) -> Int32
    /// getsockname(2): where the peer has connected to; as `peerAddress`.
    func localAddress(of socket: Int32, _ address: inout SocketAddress) -> Int32
    /// Sends what a send with MSG_MORE has left behind (TCP_NODELAY does, tcp(7)).
    func push(_ socket: Int32)
    /// SO_RCVLOWAT: a source with fewer bytes is not announced, unless it is at its end, lost, or its window is full
    /// (kernel: tcp_stream_is_readable). Lowering it announces what is there.
    func setLowWater(_ socket: Int32, _ bytes: Int32)
    /// shutdown(2) with SHUT_WR: FIN after everything that was written.
    func shutdownWrite(_ socket: Int32)
    /// SO_LINGER of zero: closing sends RST and throws away what was not acknowledged.
    func setResetOnClose(_ socket: Int32)
    /// Bytes written to a TCP socket that its peer has not acknowledged (SIOCOUTQ).
    func unsentBytes(_ socket: Int32) -> Int32
    /// SO_ERROR, which is cleared by being read: 0 or `-errno`.
    func pendingError(_ socket: Int32) -> Int32
    /// POLLHUP or POLLERR at this moment (poll(2)).
    func hasHungUp(_ socket: Int32) -> Bool
    /// As `hasHungUp`, and FIN as well (POLLRDHUP).
    func hasEnded(_ socket: Int32) -> Bool
    /// Wakes another thread that sleeps at an eventfd(2).
    func ring(_ event: Int32)
    /// close(2) of a socket or of one end of a pipe.
    func close(_ descriptor: Int32)

    /// pipe2(2), then F_SETPIPE_SZ towards `bytes`, which the quota may refuse: what was granted is in the pipe (pipe(7)).
    func makePipe(bytes: Int32, _ pipe: inout PipePool.Pipe) -> Int32

    /// Reads a page plainly into an empty pipe, at once: see `PlainRead.fill`.
    /// - Returns: as a fill.
    func readPlainly(
        from source: Int32, into pipe: PipePool.Pipe, by buffer: UnsafeMutableRawPointer, canHangUp: Bool, atMost: Int
    ) -> Int32

    /// Moves bytes without a pipe, at once: see `PlainCarry.carry`.
    func carry(
        from source: Int32, to sink: Int32, by buffer: UnsafeMutableRawPointer, isTCP: Bool, canHangUp: Bool,
        atMost: Int32
    ) -> Carried

    /// Carries whole records, at once: see `RecordCarry.carry`.
    func carryRecords(
        from source: Int32, to sink: Int32, by buffer: UnsafeMutableRawPointer, left: UInt64
    ) -> (Carried, isAtLimit: Bool)

    /// Another descriptor of the same open file (F_DUPFD_CLOEXEC).
    func duplicate(_ descriptor: Int32) -> Int32
    /// recv(2) of bytes that nobody wants: bytes, 0 at the end, or `-errno`.
    func discard(_ source: Int32, by buffer: UnsafeMutableRawPointer, isTCP: Bool) -> Int32

    /// recv(2) that leaves the bytes where they are (MSG_PEEK): as many as there are, up to `count`, 0 at the end, or `-errno`.
    func peek(_ source: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int32
    /// Takes exactly so many bytes, which are there; false where they are not.
    /// - Parameter buffer: of so many bytes.
    func take(_ count: Int, from source: Int32, by buffer: UnsafeMutableRawPointer, isTCP: Bool) -> Bool

    /// read(2) of a pipe: bytes, 0 or `-errno`.
    func readPipe(_ readEnd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int
    /// Sends what a `send` is made of, at once: see `FileCarry.carry`.
    func carryFile(_ job: Job, from moved: UInt64, readUpTo: inout Int64) -> Carried
    /// TCP_CORK: nothing but full segments is sent until it is taken away (tcp(7)).
    func setCorked(_ socket: Int32, _ on: Bool)
    /// send(2) of what there is room for: bytes or `-errno`.
    func sendNow(_ socket: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int
}

extension SystemCalls where Self: ~Copyable {
    package func nowMillis() -> Int64 { Clock.nowMillis() }
    package func nowNanos() -> Int64 { clinux_monotonic_nanoseconds() }
    package func wallMillis() -> Int64 { clinux_wall_milliseconds() }
    package func openSocket(family: Int32) -> Int32 { clinux_socket(family) }

    package func bindSource(_ socket: Int32, _ address: UnsafePointer<SocketAddress>) -> Int32 {
        address.pointee.withBytes { clinux_bind_without_port(socket, $0.baseAddress, address.pointee.length) }
    }

    package func prepareTCP(_ socket: Int32) {
        _ = clinux_set_no_delay(socket)
        _ = clinux_set_urgent_inline(socket)
    }

    package func setOption(_ socket: Int32, _ option: SocketOption) -> Int32 { option.set(on: socket) }

    package func acceptNow(_ listener: Int32) -> Int32 { clinux_accept(listener) }
    package func peerAddress(of socket: Int32, _ address: inout SocketAddress) -> Int32 {
        address.becomePeer(of: socket)
    }

    package func localAddress(of socket: Int32, _ address: inout SocketAddress) -> Int32 {
        address.becomeLocal(of: socket)
    }

    package func push(_ socket: Int32) { _ = clinux_set_no_delay(socket) }
    package func setLowWater(_ socket: Int32, _ bytes: Int32) { _ = clinux_set_low_water(socket, bytes) }
    package func shutdownWrite(_ socket: Int32) { _ = clinux_shutdown_write(socket) }
    package func setResetOnClose(_ socket: Int32) { _ = clinux_set_reset_on_close(socket) }
    package func unsentBytes(_ socket: Int32) -> Int32 { clinux_unsent_bytes(socket) }
    package func pendingError(_ socket: Int32) -> Int32 { clinux_pending_error(socket) }
    package func hasHungUp(_ socket: Int32) -> Bool { clinux_has_hung_up(socket) == 1 }
    package func hasEnded(_ socket: Int32) -> Bool { clinux_has_ended_stream(socket) == 1 }
    package func ring(_ event: Int32) { _ = clinux_event_ring(event) }
    package func close(_ descriptor: Int32) { _ = clinux_close(descriptor) }

    package func makePipe(bytes: Int32, _ pipe: inout PipePool.Pipe) -> Int32 {
        var readEnd: Int32 = -1
        var writeEnd: Int32 = -1
        let granted = Pipe.make(bytes: bytes, readEnd: &readEnd, writeEnd: &writeEnd)
        guard granted > 0 else { return granted }
        pipe = PipePool.Pipe(readEnd: readEnd, writeEnd: writeEnd, capacity: UInt32(granted))
        return 0
    }

    package func readPlainly(
        from source: Int32, into pipe: PipePool.Pipe, by buffer: UnsafeMutableRawPointer, canHangUp: Bool, atMost: Int
    ) -> Int32 {
        PlainRead.fill(from: source, into: pipe, by: buffer, canHangUp: canHangUp, atMost: atMost)
    }

    package func carry(
        from source: Int32, to sink: Int32, by buffer: UnsafeMutableRawPointer, isTCP: Bool, canHangUp: Bool,
        atMost: Int32
    ) -> Carried {
        PlainCarry.carry(from: source, to: sink, by: buffer, isTCP: isTCP, canHangUp: canHangUp, atMost: atMost)
    }

    package func carryRecords(
        from source: Int32, to sink: Int32, by buffer: UnsafeMutableRawPointer, left: UInt64
    ) -> (Carried, isAtLimit: Bool) {
        RecordCarry.carry(from: source, to: sink, by: buffer, left: left)
    }

    package func duplicate(_ descriptor: Int32) -> Int32 { clinux_duplicate(descriptor) }

    package func discard(_ source: Int32, by buffer: UnsafeMutableRawPointer, isTCP: Bool) -> Int32 {
        let bytes =
            isTCP ? clinux_discard(source, 1 << 20) : clinux_receive(source, buffer, PlainCarry.bytesMax)
        return Int32(truncatingIfNeeded: bytes)
    }

    package func peek(_ source: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int32 {
        Int32(truncatingIfNeeded: clinux_peek(source, buffer, count))
    }

    package func take(_ count: Int, from source: Int32, by buffer: UnsafeMutableRawPointer, isTCP: Bool) -> Bool {
        PlainCarry.take(count, from: source, buffer, isTCP)
    }

    package func readPipe(_ readEnd: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
        Int(clinux_read(readEnd, buffer, count))
    }

    package func carryFile(_ job: Job, from moved: UInt64, readUpTo: inout Int64) -> Carried {
        FileCarry.carry(job, from: moved, readUpTo: &readUpTo)
    }

    package func setCorked(_ socket: Int32, _ on: Bool) { _ = clinux_set_corked(socket, on ? 1 : 0) }

    package func sendNow(_ socket: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
        Int(clinux_send(socket, bytes, count))
    }
}
