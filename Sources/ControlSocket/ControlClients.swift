import LinuxCalls
import NIOCore

/// The clients that are here, each served by a task on the event loop's thread: they take no other thread, and wait for none.
final class ControlClients: Sendable {
    private let executor: LoopExecutor
    private let state = Locked(State())

    private struct State {
        var here: [ObjectIdentifier: any Channel] = [:]
        /// Of whoever waits for the last one.
        var end: Semaphore?
    }

    init(on loop: any EventLoop) { executor = LoopExecutor(loop: loop) }

    /// - Parameter body: ends when the channel is closed.
    func serve(_ client: any Channel, _ body: @escaping @Sendable () async -> Void) {
        state.withLock { $0.here[ObjectIdentifier(client)] = client }
        _ = Task(executorPreference: executor) {
            await body()
            self.leave(client)
        }
    }

    private func leave(_ client: any Channel) {
        state.withLock { state in
            state.here[ObjectIdentifier(client)] = nil
            if state.here.isEmpty { state.end?.post() }
        }
    }

    /// Closes all of them, and returns when the last one has left. Nobody may come any more.
    func close() {
        let end = Semaphore()
        let clients = state.withLock { state in
            state.end = end
            if state.here.isEmpty { end.post() }
            return Array(state.here.values)
        }
        for client in clients { client.close(promise: nil) }
        end.wait()
    }

    private final class LoopExecutor: TaskExecutor {
        private let loop: any EventLoop

        init(loop: any EventLoop) { self.loop = loop }

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }
}
