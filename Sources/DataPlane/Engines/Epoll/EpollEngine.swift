import CLinux
import LinuxCalls

/// The epoll engine: the ring's contract over edge-triggered epoll(7) and splice(2).
///
/// An intent is tried at once where the socket is not known to be dry or full; otherwise it waits in the socket's record
/// for the next edge. Either way its answer goes through the queue of completions, so that the worker cannot tell the
/// engines apart.
package struct EpollEngine: Engine, ~Copyable {
    let epoll: Int32
    /// One record for each possible descriptor, touched only as descriptors are used.
    let sockets: UnsafeMutablePointer<SocketRecord>
    let socketCount: Int
    var answers: CompletionQueue
    private let events: UnsafeMutablePointer<clinux_epoll_event>
    package let buffers: BufferMemory
    /// Buffers that wait to be filled: a stack, so that the one used last, which is still in the cache, is used next.
    let idleBuffers: UnsafeMutablePointer<UInt16>
    var idleBufferCount = 0
    /// The last turn did not look for events, since there were answers to be reaped.
    private var hasSkipped = false

    static let eventsPerTurn = 256
    /// Connections taken from one listener in one turn, so that a storm of them does not hold up those already there.
    static let acceptsPerTurn = 64

    /// - Parameters:
    ///   - descriptors: one more than the highest descriptor number (RLIMIT_NOFILE).
    ///   - intents: intents that can be open at once; each has room for its two answers.
    ///   - settings: the receive buffers.
    package init(
        descriptors: Int, intents: Int, buffers settings: BufferSettings = BufferSettings()
    ) throws(SystemError) {
        let made = try checked(clinux_epoll_create(), "epoll_create1")
        guard let records = SocketRecord.allocateUntouched(descriptors) else {
            _ = clinux_close(made)
            throw SystemError(Errno.noMemory, in: "calloc")
        }
        guard let memory = BufferMemory.reserve(settings) else {
            _ = clinux_close(made)
            SocketRecord.free(records)
            throw SystemError(Errno.noMemory, in: "calloc")
        }
        buffers = memory
        idleBuffers = .allocate(capacity: settings.count)
        epoll = made
        socketCount = descriptors
        sockets = records
        answers = CompletionQueue(capacity: intents * 2 + 2 * Self.acceptsPerTurn)
        events = .allocate(capacity: Self.eventsPerTurn)
    }

    deinit {
        _ = clinux_close(epoll)
        SocketRecord.free(sockets)
        events.deallocate()
        idleBuffers.deallocate()
        buffers.release()
    }

    func record(_ socket: Int32) -> UnsafeMutablePointer<SocketRecord> {
        precondition(socket >= 0 && Int(socket) < socketCount, "EpollEngine: descriptor above RLIMIT_NOFILE")
        return sockets + Int(socket)
    }

    package mutating func attach(_ socket: Int32) {
        record(socket).pointee = SocketRecord()
        // It fails only for want of memory or watches (ENOMEM, ENOSPC); the socket then stays silent and its idle
        // timeout ends it.
        _ = clinux_epoll_add(epoll, socket, Self.bothWays)
    }

    /// close(2) takes a socket out of epoll by itself.
    package mutating func detach(_ socket: Int32) { record(socket).pointee = SocketRecord() }

    package mutating func release(_ socket: Int32) {
        _ = clinux_epoll_remove(epoll, socket)
        detach(socket)
    }

    static var bothWays: UInt32 {
        clinux_epoll_in | clinux_epoll_out | clinux_epoll_read_hangup | clinux_epoll_urgent
    }

    package mutating func turn(waitingNanoseconds: Int64, _ counters: borrowing Counters) {
        // Answers are worked off first, but not for ever: what they lead to must not keep events waiting.
        if !answers.isEmpty && !hasSkipped {
            hasSkipped = true
            return
        }
        hasSkipped = false
        let wait = answers.isEmpty ? waitingNanoseconds : 0
        let count = clinux_epoll_wait(epoll, events, Int32(Self.eventsPerTurn), wait)
        if count < 0 {
            counters.add(count == Errno.interrupted ? .submitInterrupted : .submitFailedOtherwise)
            return
        }
        for index in 0..<Int(count) { noticed(events[index].descriptor, events[index].events) }
    }

    /// Nothing less than a look at the events tells.
    package var isRipe: Bool { true }

    package mutating func reap(into batch: borrowing CompletionBatch, _ counters: borrowing Counters) -> Int {
        var count = 0
        while count < CompletionBatch.capacity, let answer = answers.take() {
            batch.base[count] = answer
            count += 1
        }
        return count
    }
}
