import CLinux
import ControlPlane
import Glibc
import LinuxCalls

/// A client that waits at most a few seconds for each thing.
final class TestClient {
    private let number: Int32

    init(_ address: SocketAddress) throws {
        number = try checked(clinux_socket(address.family), "socket")
        let result = address.withBytes { clinux_connect(number, $0.baseAddress, address.length) }
        guard result == 0 || result == Errno.inProgress else { throw SystemError(result, in: "connect") }
    }

    deinit { _ = clinux_close(number) }

    /// Sends `bytes`, and takes back as many.
    func exchange(_ bytes: [UInt8]) throws -> [UInt8] {
        var sent = 0
        var back: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        try waiting {
            if sent < bytes.count {
                let result = bytes[sent...].withUnsafeBytes { clinux_send(number, $0.baseAddress, $0.count) }
                if result > 0 { sent += Int(result) } else { try mayWait(result) }
            }
            let result = clinux_receive(number, &buffer, buffer.count)
            if result > 0 {
                back += buffer[..<Int(result)]
            } else {
                try mayWait(result == 0 ? Int64(Errno.reset) : result)
            }
            return back.count >= bytes.count
        }
        return back
    }

    /// Waits for the end of the stream, or for a reset.
    func expectEnd() throws {
        var byte: UInt8 = 0
        try waiting {
            let result = clinux_receive(number, &byte, 1)
            return result == 0 || result == Int64(Errno.reset)
        }
    }

    private func mayWait(_ result: Int64) throws {
        guard result == Int64(Errno.again) || result == Int64(Errno.notConnected) else {
            throw SystemError(Int32(result), in: "send or recv")
        }
    }

    private func waiting(for isDone: () throws -> Bool) throws {
        var error: (any Error)?
        let isInTime = eventually {
            do { return try isDone() } catch let thrown {
                error = thrown
                return true
            }
        }
        if let error { throw error }
        guard isInTime else { throw SystemError(Errno.timedOut, in: "recv") }
    }
}

/// Waits until something is so; false when it is not within half a minute, which only a failure takes.
func eventually(_ isSo: () -> Bool) -> Bool {
    let end = Clock.nowMillis() + 30_000
    while Clock.nowMillis() < end {
        if isSo() { return true }
        usleep(1_000)
    }
    return isSo()
}

/// What a value's parser says of a bad one; nil where it takes it.
func problem(_ parse: () throws(ValueProblem) -> Void) -> ValueProblem? {
    do throws(ValueProblem) {
        try parse()
        return nil
    } catch {
        return error
    }
}

/// What is said against a start; nil where nothing is.
func refusal(_ start: () throws(Refusal) -> Void) -> Refusal? {
    do throws(Refusal) {
        try start()
        return nil
    } catch {
        return error
    }
}
