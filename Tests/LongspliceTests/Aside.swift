import LinuxCalls
import Longsplice

/// Runs a call beside the test, which may block meanwhile: on threads of their own, since the tests' own threads may all be
/// blocked by others.
func aside<T: Sendable>(_ call: @escaping @Sendable () async throws -> T) -> Task<T, any Error> {
    Task(executorPreference: AsideExecutor.shared) { try await call() }
}

private final class AsideExecutor: TaskExecutor {
    static let shared = AsideExecutor()

    private let jobs = Locked<[UnownedJob]>([])
    private let count = Semaphore()
    private let threads = Locked<[NamedThread]>([])

    private init() {
        for _ in 0..<4 {
            let started = try? NamedThread("aside") { [self] in
                while true {
                    count.wait()
                    let job = jobs.withLock { $0.removeFirst() }
                    job.runSynchronously(on: asUnownedTaskExecutor())
                }
            }
            precondition(started != nil, "no thread for the tests")
            threads.withLock { $0 += started.map { [$0] } ?? [] }
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        count.post()
    }
}
