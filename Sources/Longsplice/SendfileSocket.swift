import DataPlane
import LinuxCalls
import Synchronization

/// A socket that many files are sent into, one after the other: a connection with keep-alive.
///
/// What a call of `Splicer.sendfile` asks of its socket before and sets back behind it is done once here: 7 % of the processor time
/// that a file of 64 KiB takes. The socket is lent as long as this object lives, and does not block meanwhile. Others may read it, and
/// write between two calls; another call of the library that writes to it is refused with `.busy`. Its owner leaves TCP_CORK as it is,
/// and closes its descriptor only when this object has gone.
public final class SendfileSocket: Sendable {
    private let splicer: Splicer
    private let socket: LentSocket
    private let isCorkedByOwner: Bool
    private let isSending = Atomic(false)

    /// Checks the socket, and lends it.
    /// - Parameters:
    ///   - socket: a connected TCP or UNIX stream socket.
    ///   - splicer: what sends.
    /// - Throws: what `Splicer.sendfile` refuses a socket for; that it has no peer is told by the first call.
    public init(_ socket: Descriptor, on splicer: Splicer) throws(SpliceError) {
        self.splicer = splicer
        let lent = try LentSocket.forSending(into: socket)
        isCorkedByOwner = lent.isCorkedByOwner
        self.socket = lent
    }

    /// As `Splicer.sendfile(_:to:offset:length:headers:trailers:options:)`, into this socket.
    ///
    /// A call while another one is under way is refused with `.busy`.
    @discardableResult
    public func sendfile(
        _ file: Descriptor, offset: UInt64 = 0, length: UInt64? = nil, headers: [[UInt8]] = [],
        trailers: [[UInt8]] = [], options: SendfileOptions = []
    ) async throws(SendfileError) -> UInt64 {
        guard !isSending.exchange(true, ordering: .acquiring) else {
            throw SendfileError(
                SpliceError(
                    .busy, Errno.busy,
                    "socket: another file is being sent into the one of descriptor \(socket.number); await that one first"
                ), bytesSent: 0)
        }
        defer { isSending.store(false, ordering: .releasing) }
        let lent = try SendfileError.refusing { () throws(SpliceError) in
            try LentFile(
                file, to: LentSocket(of: socket, isCorkedByOwner: isCorkedByOwner), offset: offset, length: length,
                headers: headers, trailers: trailers)
        }
        return try await splicer.send(lent)
    }
}
