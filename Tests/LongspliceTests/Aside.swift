import LinuxCalls
import Longsplice
import Synchronization

/// Runs a call beside the test, which may block meanwhile: on a thread of its own, since the tests' own threads may all be
/// blocked by others.
func aside<T: Sendable>(_ call: @escaping @Sendable () async throws -> T) -> Task<T, any Error> {
    Task(executorPreference: AsideExecutor.shared) { try await call() }
}

private final class AsideExecutor: TaskExecutor {
    static let shared = AsideExecutor()

    private let jobs = Mutex<[UnownedJob]>([])
    private let count = Semaphore()
    private let thread = Mutex<NamedThread?>(nil)

    private init() {
        let started = try? NamedThread("aside") { [self] in
            while true {
                count.wait()
                let job = jobs.withLock { $0.removeFirst() }
                job.runSynchronously(on: asUnownedTaskExecutor())
            }
        }
        precondition(started != nil, "no thread for the tests")
        thread.withLock { $0 = started }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        count.post()
    }
}
