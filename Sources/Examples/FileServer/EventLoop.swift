import Glibc
import Synchronization

/// One thread that runs tasks, and waits by poll(2) until a socket can be read or a task can go on.
///
/// A task that prefers it (`executorPreference`) is on this thread before and after each `await`, so nothing here is shared but
/// the list of jobs. poll(2) looks at every waiting socket each time, which is cheap for hundreds of them.
final class EventLoop: TaskExecutor, @unchecked Sendable {
    private struct Ready {
        var jobs: [UnownedJob] = []
        var isAsleep = false
    }

    private let ready = Mutex(Ready())
    private let bell: (read: Int32, write: Int32)
    /// The bell, then the sockets that are waited for, and who waits for each of these. The loop's thread alone touches both.
    private var looks: [pollfd] = []
    private var waiting: [UnsafeContinuation<Void, Never>] = []

    init() {
        var ends: [Int32] = [-1, -1]
        _ = checked(pipe(&ends), "pipe")
        bell = (ends[0], ends[1])
        looks.append(pollfd(fd: bell.read, events: Int16(POLLIN), revents: 0))
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isAsleep = ready.withLock { ready in
            ready.jobs.append(job)
            defer { ready.isAsleep = false }
            return ready.isAsleep
        }
        // Once for each sleep, so the pipe never fills.
        if isAsleep { _ = write(bell.write, [1], 1) }
    }

    /// Returns when there is something to read, or the end of it. Called by tasks of this loop only.
    func readable(_ socket: Int32) async {
        await withUnsafeContinuation {
            looks.append(pollfd(fd: socket, events: Int16(POLLIN), revents: 0))
            waiting.append($0)
        }
    }

    func run() -> Never {
        while true {
            let jobs = ready.withLock { ready in
                let jobs = ready.jobs
                ready.jobs.removeAll(keepingCapacity: true)
                ready.isAsleep = jobs.isEmpty
                return jobs
            }
            for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
            if jobs.isEmpty { wait() }
        }
    }

    private func wait() {
        let count = poll(&looks, nfds_t(looks.count), -1)
        // Or the tasks that go on below would ring.
        ready.withLock { $0.isAsleep = false }
        guard count > 0 else { return }
        var byte: UInt8 = 0
        if looks[0].revents != 0 { _ = read(bell.read, &byte, 1) }
        // From the last one on, since the last one takes the place of each that goes.
        for index in waiting.indices.reversed() where looks[index + 1].revents != 0 {
            looks.swapAt(index + 1, looks.count - 1)
            waiting.swapAt(index, waiting.count - 1)
            looks.removeLast()
            waiting.removeLast().resume()
        }
    }
}
