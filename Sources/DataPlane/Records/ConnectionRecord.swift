import LinuxCalls

/// All there is to say about one accepted connection once it has ended: plain values of a fixed size, so that a worker
/// hands it on by copying.
///
/// Names are left to whoever reads it: listeners and upstreams are indices. Times are milliseconds.
package struct ConnectionRecord: BitwiseCopyable, Sendable {
    /// Counts the connections of its worker, from 0.
    package var serial: UInt64 = 0
    package var worker: UInt16 = 0
    /// In the order in which the worker was given them.
    package var listener: UInt16 = 0
    /// The last one tried; without meaning while `attempts` is 0.
    package var upstream: UInt16 = 0
    package var attempts: UInt16 = 0
    package var ender = ConnectionEnder.longsplice
    package var end = ConnectionEnd.stopped
    /// How each direction moved its bytes in the end; nil where the connection was never tied.
    package var relayUp: RelayMark?
    package var relayDown: RelayMark?
    /// The peer has said by a PROXY header that it speaks for itself.
    package var isLocal = false

    /// The wall clock at accept, since 1970.
    package var acceptedAtWallMillis: Int64 = 0
    /// The monotonic clock at accept, from which the following ones are counted.
    package var acceptedAtMillis: Int64 = 0
    /// Until the upstream was connected, -1 for never.
    package var connectMillis: Int64 = -1
    /// Until the first byte from the upstream reached the client's socket, -1 for never.
    package var firstByteMillis: Int64 = -1
    package var totalMillis: Int64 = 0

    /// Bytes that reached the upstream's socket.
    package var bytesUp: UInt64 = 0
    /// Bytes that reached the client's socket.
    package var bytesDown: UInt64 = 0

    /// `SocketAddress.unknown` where the client had gone before it could be asked for.
    package var client = SocketAddress.unknown
    /// Who has spoken for the client, by a PROXY header; none where the client came itself.
    package var proxy = PackedAddress()
    /// Where the client has connected to, by the same header.
    package var destination = PackedAddress()

    package init() {}
}

package typealias RecordQueue = OutQueue<ConnectionRecord>
typealias RecordPen = OutPen<ConnectionRecord>
