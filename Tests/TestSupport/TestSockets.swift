import CLinux
import func Glibc.memcmp
import LinuxCalls

/// One end of a connection, as a client or server would hold it; all calls wait at most a few seconds.
package final class TestSocket: Sendable {
    package let number: Int32

    package init(_ number: Int32) { self.number = number }
    deinit { _ = clinux_close(number) }

    package static func connected(to address: SocketAddress) throws -> TestSocket {
        let socket = TestSocket(try checked(clinux_socket(address.family), "socket"))
        let result = address.withBytes { clinux_connect(socket.number, $0.baseAddress, address.length) }
        if result == Errno.inProgress || result == 0 { return socket }
        throw SystemError(result, in: "connect")
    }

    /// Sends all of it, waiting for room.
    package func send(_ bytes: [UInt8], within milliseconds: Int64 = 30_000) throws {
        var sent = 0
        try retry(milliseconds, "send") {
            let result = bytes.withUnsafeBytes {
                clinux_send(number, $0.baseAddress?.advanced(by: sent), bytes.count - sent)
            }
            if result > 0 { sent += Int(result) }
            return sent == bytes.count ? 0 : (result > 0 ? Int64(Errno.again) : result)
        }
    }

    /// Receives `count` bytes, fewer at the end of the stream. Throws ECONNRESET and the like.
    package func receive(_ count: Int, within milliseconds: Int64 = 30_000) throws -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(65_536, max(1, count)))
        try retry(milliseconds, "recv") {
            let result = clinux_receive(number, &buffer, min(buffer.count, max(1, count - all.count)))
            if result > 0 { all += buffer[..<Int(result)] }
            if result == 0 || all.count >= count { return 0 }
            return result > 0 ? Int64(Errno.again) : result
        }
        return all
    }

    /// All bytes up to the end of the stream.
    package func receiveToEnd(within milliseconds: Int64 = 30_000) throws -> [UInt8] {
        try receive(Int.max, within: milliseconds)
    }

    package func sendFin() { _ = clinux_shutdown_write(number) }
    package func resetOnClose() { _ = clinux_set_reset_on_close(number) }

    private func retry(_ milliseconds: Int64, _ name: StaticString, _ call: () -> Int64) throws {
        let end = Clock.nowMillis() + milliseconds
        while true {
            let result = call()
            if result >= 0 { return }
            let isPending = result == Int64(Errno.again) || result == Int64(Errno.notConnected)
            if !isPending { throw SystemError(Int32(result), in: name) }
            if Clock.nowMillis() > end { throw SystemError(Errno.timedOut, in: name) }
            pause()
        }
    }
}

/// A listener whose connections the test answers itself.
package final class TestListener: Sendable {
    package let number: Int32
    package let address: SocketAddress

    package init(_ wanted: SocketAddress) throws {
        let socket = try ListeningSocket.open(wanted, sharing: false, backlog: 128)
        address = try SocketAddress.local(of: socket.number)
        number = socket.release()
    }

    deinit { _ = clinux_close(number) }

    package static func loopback() throws -> TestListener {
        guard let any = SocketAddress(numeric: "127.0.0.1", port: 0) else {
            throw SystemError(Errno.invalid, in: "bind")
        }
        return try TestListener(any)
    }

    package func accept(within milliseconds: Int64 = 30_000) throws -> TestSocket {
        let end = Clock.nowMillis() + milliseconds
        while Clock.nowMillis() < end {
            let socket = clinux_accept(number)
            if socket >= 0 { return TestSocket(socket) }
            if socket != Errno.again { throw SystemError(socket, in: "accept4") }
            pause()
        }
        throw SystemError(Errno.timedOut, in: "accept4")
    }
}

/// A millisecond, without keeping a processor from those who work.
package func pause() { _ = clinux_epoll_wait(pauseEpoll, nil, 1, 1_000_000) }
private let pauseEpoll = clinux_epoll_create()

/// Waits until something is so; false when it is not within the time.
package func eventually(within milliseconds: Int64 = 30_000, _ isSo: () -> Bool) -> Bool {
    let end = Clock.nowMillis() + milliseconds
    while Clock.nowMillis() < end {
        if isSo() { return true }
        pause()
    }
    return isSo()
}

/// Bytes that depend on their position, so that loss, repetition and reordering show.
///
/// A plain loop, since tests are built without the optimiser and some want megabytes.
package func pattern(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
        guard let base = bytes.baseAddress else { return }
        var index = 0
        while index < count {
            base[index] = UInt8(truncatingIfNeeded: (UInt64(index) &* 0x9E37_79B9_7F4A_7C15 &+ seed) >> 29)
            index += 1
        }
        filled = count
    }
}

/// Whether `bytes` are `chunk`, again and again. Comparing element by element takes seconds without the optimiser.
package func isRepeated(_ chunk: [UInt8], in bytes: [UInt8]) -> Bool {
    guard !chunk.isEmpty, bytes.count % chunk.count == 0 else { return bytes.isEmpty }
    return bytes.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress else { return true }
        return stride(from: 0, to: bytes.count, by: chunk.count).allSatisfy {
            memcmp(base + $0, chunk, chunk.count) == 0
        }
    }
}

/// Two ends of one connection, whoever accepts it.
package enum TestPair {
    package static func tcp(_ host: String = "127.0.0.1") throws -> (near: TestSocket, far: TestSocket) {
        guard let any = SocketAddress(numeric: host, port: 0) else { throw SystemError(Errno.invalid, in: "bind") }
        let listener = try TestListener(any)
        let near = try TestSocket.connected(to: listener.address)
        return (near, try listener.accept())
    }

    package static func unix() throws -> (near: TestSocket, far: TestSocket) {
        var near: Int32 = -1
        var far: Int32 = -1
        _ = try checked(clinux_socket_pair(&near, &far), "socketpair")
        return (TestSocket(near), TestSocket(far))
    }

    /// How records are kept apart: the kernel's SOCK_ numbers.
    package enum RecordKind: Int32, CaseIterable, Sendable {
        case datagram = 2
        case sequencedPacket = 5
    }

    package static func records(_ kind: RecordKind) throws -> (near: TestSocket, far: TestSocket) {
        var ends: [Int32] = [-1, -1]
        _ = try checked(clinux_record_pair(kind.rawValue, &ends), "socketpair")
        return (TestSocket(ends[0]), TestSocket(ends[1]))
    }

    /// Two UDP sockets on loopback that are connected to each other.
    package static func udp() throws -> (near: TestSocket, far: TestSocket) {
        var ends: [Int32] = [-1, -1]
        _ = try checked(clinux_udp_pair(&ends), "socket")
        return (TestSocket(ends[0]), TestSocket(ends[1]))
    }
}
