import CLinux
import LinuxCalls

/// Where the lines of the access log go, and how that kind of place is written to.
///
/// No write waits, but for the one to a regular file, which the kernel does not let a program avoid.
final class LogSink {
    enum Kind: Equatable {
        case file
        /// A pipe, a FIFO or a terminal: a write of no more than PIPE_BUF bytes is whole or not at all (pipe(7)).
        case pipe
        case stream
        case datagram
    }

    enum Outcome: Equatable {
        /// Everything is written.
        case done
        /// There is no room now.
        case blocked
        case failed(SystemError)
    }

    let place: AccessLogPlace
    let kind: Kind
    let descriptor: Int32
    private let isOwned: Bool

    init(_ place: AccessLogPlace, _ kind: Kind, _ descriptor: Int32, isOwned: Bool = true) {
        self.place = place
        self.kind = kind
        self.descriptor = descriptor
        self.isOwned = isOwned
    }

    deinit { if isOwned { _ = clinux_close(descriptor) } }

    /// Writes what waits, as much as goes.
    func write(_ lines: inout LineBuffer) -> Outcome {
        while !lines.isEmpty {
            let result = writeOnce(lines)
            switch Int32(truncatingIfNeeded: min(result, Int64(Int32.max))) {
            case 1...: lines.remove(Int(result))
            case Errno.interrupted: continue
            case 0, Errno.again, Errno.noBuffers: return .blocked
            case let code: return .failed(SystemError(code, in: isSocket ? "send" : "write"))
            }
        }
        return .done
    }

    var isSocket: Bool { kind == .stream || kind == .datagram }

    /// Bytes of `lines` that are done with, or `-errno`.
    private func writeOnce(_ lines: borrowing LineBuffer) -> Int64 {
        let bytes = lines.bytes
        switch kind {
        case .file:
            return clinux_write(descriptor, bytes.baseAddress, bytes.count)
        case .pipe:
            guard clinux_wait_for_room(descriptor, -1, 0) == 1 else { return Int64(Errno.again) }
            return clinux_write(
                descriptor, bytes.baseAddress, lines.wholeLines(atMost: LineBuffer.lineBytesMax))
        case .stream:
            return clinux_send(descriptor, bytes.baseAddress, bytes.count)
        case .datagram:
            // A datagram has an end of its own.
            let line = lines.firstLine
            let sent = clinux_send(descriptor, bytes.baseAddress, line - 1)
            return sent < 0 ? sent : Int64(line)
        }
    }
}
