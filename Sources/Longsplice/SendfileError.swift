import LinuxCalls

/// Why a file was not sent, or not all of it.
public struct SendfileError: Error, Sendable, Equatable {
    /// What is wrong.
    public enum Reason: Sendable, Equatable {
        /// The call was refused: before it sent anything, or after what the socket took at once, when there was no place or no descriptor
        /// for the rest.
        case refused(SpliceError)
        /// The file ended before everything was sent: it has shrunk meanwhile.
        case fileShrank
        /// The connection is gone: reset by its peer, or given up by the network.
        case connectionLost
        /// The task was cancelled.
        case cancelled
        /// The kernel refused to read the file or to write to the socket.
        case system
    }

    /// What is wrong.
    public let reason: Reason
    /// Bytes that reached the socket before, headers and trailers among them.
    public let bytesSent: UInt64
    /// The errno that says so, 0 where the kernel has not said anything.
    public let errno: Int32

    init(_ reason: Reason, bytesSent: UInt64, errno: Int32) {
        self.reason = reason
        self.bytesSent = bytesSent
        self.errno = errno < 0 ? 0 &- errno : errno
    }

    init(_ refusal: SpliceError, bytesSent: UInt64) {
        self.init(.refused(refusal), bytesSent: bytesSent, errno: refusal.errno)
    }
}

extension SendfileError {
    /// What refuses a call refuses it as an error of this type.
    static func refusing<T: ~Copyable>(after sent: UInt64 = 0, _ step: () throws(SpliceError) -> T)
        throws(SendfileError) -> T
    {
        do throws(SpliceError) {
            return try step()
        } catch {
            throw SendfileError(error, bytesSent: sent)
        }
    }
}

extension SendfileError: CustomStringConvertible {
    /// One sentence, with how much was sent.
    public var description: String {
        let sent = "after \(bytesSent) bytes"
        let kernel = errno == 0 ? "" : ": \(SystemError(errno, in: "sendfile").reason)"
        switch reason {
        case .refused(let refusal): return bytesSent == 0 ? refusal.description : "\(refusal.description), \(sent)"
        case .fileShrank: return "the file ended \(sent); it was longer when sending began"
        case .connectionLost: return "the connection was lost \(sent)\(kernel)"
        case .cancelled: return "cancelled \(sent)"
        case .system: return "the kernel gave up \(sent)\(kernel)"
        }
    }
}
