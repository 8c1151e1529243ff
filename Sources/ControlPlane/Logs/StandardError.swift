import Glibc
import Synchronization

/// Standard error, a line at a time.
///
/// Each line is one write(2), so that lines of several processes do not mix. A reader that has gone away or does not read
/// costs lines, never the service: what cannot be written within a moment is dropped.
package final class StandardError: Sendable {
    package static let shared = StandardError()

    /// The last line could not be written in time; the next ones are not waited for.
    private let isStuck = Atomic<Bool>(false)

    /// A pipe takes this much at once (PIPE_BUF, pipe(7)); longer lines are cut.
    private static let lineBytesMax = 4096
    private static let patienceMillis: Int32 = 100

    /// - Parameter line: without its end.
    package func write(_ line: String) {
        var bytes = Array(line.utf8.prefix(Self.lineBytesMax - 1))
        bytes.append(UInt8(ascii: "\n"))
        guard isWritable() else { return }
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }

    private func isWritable() -> Bool {
        var event = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        let patience = isStuck.load(ordering: .relaxed) ? 0 : Self.patienceMillis
        let isReady = poll(&event, 1, patience) > 0
        isStuck.store(!isReady, ordering: .relaxed)
        return isReady
    }
}
