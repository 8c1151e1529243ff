import CLinux

/// What the epoll engine knows of one descriptor, and the intents that wait for its next edge.
///
/// All zero bits is a fresh record, so that the table can be taken from the kernel untouched.
struct SocketRecord: BitwiseCopyable {
    enum Reader: UInt8, BitwiseCopyable {
        case none
        case await
        case move
        case accept
        case receive
    }

    enum Writer: UInt8, BitwiseCopyable {
        case none
        case drainHeld
        case connect
        case send
        case room
    }

    /// An edge says it may be readable, and no read has found it dry since.
    var mayRead = false
    /// A wait was answered or a pipe was filled: something may be there without a further edge.
    var isAnnounced = false
    /// A write has found it full, and no edge has come since.
    var isFull = false
    /// FIN has come, so that there is always something to read, if only the end.
    var hasEnded = false
    /// The connection is gone (EPOLLHUP, EPOLLERR).
    var isLost = false
    var isWatched = false
    /// Urgent data lies in the queue, and splice cannot pass it.
    var hasUrgent = false
    var reader = Reader.none
    var writer = Writer.none

    // The reader's intent
    var readerTag = Tag(rawValue: 0)
    var readerPipe = PipePool.Pipe(readEnd: 0, writeEnd: 0, capacity: 0)
    var readerSink: Int32 = 0
    var readerLength: UInt32 = 0
    // The writer's intent
    var writerTag = Tag(rawValue: 0)
    var writerPipe = PipePool.Pipe(readEnd: 0, writeEnd: 0, capacity: 0)
    var writerLength: UInt32 = 0
    var writerSlice = BufferSlice(buffer: 0, offset: 0, length: 0)
    // The watch
    var watchTag = Tag(rawValue: 0)

    /// Zeroed memory that costs nothing until it is used (calloc(3) maps a large block); nil where there is none.
    static func allocateUntouched(_ count: Int) -> UnsafeMutablePointer<SocketRecord>? {
        clinux_zeroed(count, MemoryLayout<SocketRecord>.stride)?.bindMemory(to: SocketRecord.self, capacity: count)
    }

    static func free(_ records: UnsafeMutablePointer<SocketRecord>) { clinux_free(records) }
}
