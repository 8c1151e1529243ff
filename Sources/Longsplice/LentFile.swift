import CLinux
import DataPlane
import LinuxCalls

/// A file and a socket for the time of one call, with the bytes before and after the file.
///
/// What can be sent at once is, by the caller's own descriptors; whoever goes on has duplicates, since the caller may close his then.
struct LentFile: ~Copyable {
    private var file: Int32
    private var socket: LentSocket
    private var areDuplicates = false
    private let frame: UnsafeMutableRawPointer?
    private let header: Int
    private let trailer: Int
    private let offset: Int64
    private let fileBytes: Int64
    private let identity: FileIdentity
    /// TCP_CORK was set for the call, and is taken away with its last byte: nothing but full segments goes out in between.
    private var isCorked = false
    /// What comes next is not in the page cache.
    private(set) var isCold = false
    /// By the caller's own thread, and by others once there is an outcome.
    private(set) var sent: UInt64 = 0

    init(
        _ file: Descriptor, to socket: consuming LentSocket, offset: UInt64, length: UInt64?, headers: [[UInt8]],
        trailers: [[UInt8]]
    ) throws(SpliceError) {
        var identity = FileIdentity()
        let size = clinux_file_identity(file.number, &identity.device, &identity.inode)
        guard size >= 0 else {
            let isOpen = size != Int64(Errno.badDescriptor)
            throw SpliceError(
                isOpen ? .invalidArgument : .notADescriptor, Int32(truncatingIfNeeded: size),
                isOpen
                    ? "file: descriptor \(file.number) is no regular file; sendfile sends those"
                    : "file: \(file.number) is no open descriptor; lend one that is")
        }
        let rest = offset < UInt64(size) ? UInt64(size) - offset : 0
        self.file = file.number
        self.identity = identity
        self.socket = socket
        self.offset = Int64(clamping: offset)
        fileBytes = Int64(clamping: min(rest, length ?? rest))
        header = headers.reduce(0) { $0 + $1.count }
        trailer = trailers.reduce(0) { $0 + $1.count }
        frame = Self.joined(headers, trailers, header + trailer)
    }

    private static let corkedBytesMin: Int64 = 256 << 10

    /// For whoever goes on: from here on the caller's descriptors are not used any more.
    mutating func keep(below descriptorsMax: Int) throws(SpliceError) {
        let duplicate = clinux_duplicate(file)
        guard duplicate >= 0 else {
            throw SpliceError(
                .noDescriptors, duplicate, "file: no descriptor for a duplicate; raise RLIMIT_NOFILE (ulimit -n)")
        }
        do throws(SpliceError) {
            try socket.duplicate(below: descriptorsMax)
        } catch {
            _ = clinux_close(duplicate)
            throw error
        }
        file = duplicate
        areDuplicates = true
    }

    /// A few segments are not worth the calls. A caller's own cork is left as it is.
    private mutating func cork() {
        guard socket.identity.speaksTCP, fileBytes >= Self.corkedBytesMin, !socket.isCorkedByOwner else { return }
        isCorked = true
        _ = clinux_set_corked(socket.number, 1)
    }

    deinit {
        if !isSent { FileCarry.pushLastBytes(job(at: 0)) }
        if areDuplicates { _ = clinux_close(file) }
        frame?.deallocate()
    }

    private static func joined(_ headers: [[UInt8]], _ trailers: [[UInt8]], _ count: Int) -> UnsafeMutableRawPointer? {
        guard count > 0 else { return nil }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 1)
        var at = memory
        append(headers, at: &at)
        append(trailers, at: &at)
        return memory
    }

    private static func append(_ parts: [[UInt8]], at place: inout UnsafeMutableRawPointer) {
        for part in parts {
            part.withUnsafeBytes { bytes in
                if let base = bytes.baseAddress { place.copyMemory(from: base, byteCount: bytes.count) }
            }
            place += part.count
        }
    }

    /// All that is to be sent.
    var length: UInt64 { UInt64(header) + UInt64(fileBytes) + UInt64(trailer) }
    var isSent: Bool { sent == length }

    /// Sends what can be sent at once, on the caller's thread: for an answer that the socket has room for, a way to a worker and back would
    /// cost more than the sending. Whatever stops this, a worker meets again and tells.
    /// - Parameter mayWait: for a disk, as long as it takes.
    mutating func sendAtOnce(knowing cachedParts: CachedParts, mayWait: Bool) {
        cork()
        let known = cachedParts.end(of: identity, at: offset)
        var readUpTo = known
        carry(&readUpTo)
        if readUpTo > known { cachedParts.note(identity, offset..<readUpTo) }
        guard mayWait, isCold else { return }
        readUpTo = .max
        carry(&readUpTo)
    }

    /// What has taken bytes is connected.
    func expectPeer() throws(SpliceError) {
        guard sent == 0, socket.identity.speaksTCP else { return }
        try SocketIdentity.expectPeer(socket.number, "socket")
    }

    private mutating func carry(_ readUpTo: inout Int64) {
        let carried = FileCarry.carry(job(at: 0), from: sent, readUpTo: &readUpTo, isCallers: true)
        sent &+= UInt64(UInt32(bitPattern: carried.moved))
        isCold = carried.source == Errno.again
    }

    func job(at place: UInt32) -> Job {
        var job = Job(.send, place: place)
        job.first = file
        job.second = socket.number
        if socket.identity.speaksTCP { job.tcp.insert(.upstream) }
        if isCorked { job.options.insert(.isCorked) }
        job.offset = offset
        job.length = length
        job.sentBefore = sent
        if let frame {
            job.header = UnsafeRawBufferPointer(start: frame, count: header)
            job.trailer = UnsafeRawBufferPointer(start: frame + header, count: trailer)
        }
        return job
    }

    /// - Returns: bytes sent.
    mutating func outcome(_ result: JobResult) throws(SendfileError) -> UInt64 {
        sent = result.bytesUp
        let reason: SendfileError.Reason
        switch result.end {
        case .fin, .limit: return result.bytesUp
        case .takenBack, .drain, .stopped: reason = .cancelled
        case .reset: reason = .connectionLost
        case .idleTimeout, .finTimeout, .connectTimeout, .refused, .unreachable, .noPort, .rate, .denied, .shortage,
            .systemFailure, .lifetime, .serverDown, .noServer, .badPrologue, .prologueTimeout,
            .queueFull, .queueTimeout:
            reason = result.isCutShort && result.failure == 0 ? .fileShrank : .system
        }
        throw SendfileError(reason, bytesSent: result.bytesUp, errno: result.failure)
    }
}
