import CLinux
import DataPlane
import LinuxCalls

/// Sends what is not in the page cache, on threads that may wait for a disk, so that neither a caller's thread nor a worker does.
///
/// Most calls whose file is cold end here: the caller's thread wakes one of these and is woken by it. Where the socket has no room
/// a worker goes on, and gives back what it finds cold again.
final class ColdSender: Sendable {
    /// So many files are read at once, since a disk serves several in the time of one.
    private static let threadCount = 4

    private let book: JobBook
    private let waiting = Locked<[JobBook.Call]>([])
    /// Posted for each call that waits, and for each thread that has to leave.
    private let bell = Semaphore()
    private let threads = Locked<[NamedThread]>([])

    init(_ book: JobBook) { self.book = book }

    func start() throws(SystemError) {
        for index in 0..<Self.threadCount {
            let thread = try NamedThread("splice-cold-\(index)") { self.main() }
            threads.withLock { $0.append(thread) }
        }
    }

    /// Nothing may be added any more.
    func close() {
        let threads = threads.withLock { $0 }
        for _ in threads { bell.post() }
        for thread in threads { thread.join() }
    }

    func add(_ call: JobBook.Call) {
        waiting.withLock { $0.append(call) }
        bell.post()
    }

    private func main() {
        // Also SIGPIPE, which sendfile(2) sends to who writes to a peer that has gone.
        _ = clinux_block_all_signals()
        while true {
            bell.wait()
            guard let call = waiting.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else { return }
            send(call)
        }
    }

    /// As long as the socket has room; the others have their turn in between.
    private func send(_ call: JobBook.Call) {
        var call = call
        while true {
            if book.isTakenBack(call.ticket) { return end(call, .takenBack) }
            var readUpTo = Int64.max
            let carried = FileCarry.carry(call.job, from: call.job.sentBefore, readUpTo: &readUpTo)
            call.job.sentBefore &+= UInt64(UInt32(bitPattern: carried.moved))
            if call.job.sentBefore == call.job.length { return end(call, .limit) }
            // A worker would look at the page cache before it met the same, and give it back.
            if carried.source <= 0 { return end(call, .systemFailure, carried.source, isCutShort: carried.source == 0) }
            switch Verdict.ofDrain(carried.sink) {
            case .moved: if waiting.withLock({ !$0.isEmpty }) { return add(call) }
            case .notNow:
                call.job.options.insert(.awaitsRoom)
                return book.open(call)
            case .interrupted, .withdrawn, .starved: _ = clinux_wait_for_room(-1, -1, 1)
            case .connectionLost: return end(call, .reset, carried.sink)
            case .ended, .notSpliceable, .unexpected: return end(call, .systemFailure, carried.sink)
            }
        }
    }

    private func end(
        _ call: JobBook.Call, _ end: ConnectionEnd, _ failure: Int32 = 0, isCutShort: Bool = false
    ) {
        var result = JobResult()
        result.end = end
        result.failure = failure
        result.isCutShort = isCutShort
        result.bytesUp = call.job.sentBefore
        book.close(call, result)
    }
}
