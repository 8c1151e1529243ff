import CLinux
import LinuxCalls

/// A worker on its own thread. The engine is made there, since a ring belongs to the thread that made it.
///
/// `start` returns once the engine stands, before any port is open; `serve` hands over the listening sockets.
package final class WorkerThread: @unchecked Sendable {
    package let control: WorkerControl
    private let settings: WorkerSettings
    private let engine: EngineChoice
    private let connections: ConnectionCount
    private let processor: Int32?
    private let stands = Semaphore()
    private let mayServe = Semaphore()
    // Each is written by one thread before a semaphore is posted and read by the other one after it has waited.
    private var failure: SystemError?
    private var listeners: [(socket: Int32, isTCP: Bool)] = []
    private var thread: NamedThread?

    /// - Parameter processor: the one to be pinned to, nil for whichever the scheduler picks.
    package init(
        settings: WorkerSettings, engine: EngineChoice, connections: ConnectionCount, processor: Int32?
    ) throws(SystemError) {
        self.settings = settings
        self.engine = engine
        self.connections = connections
        self.processor = processor
        control = try WorkerControl(board: CounterBoard(upstreamCount: settings.pools?.states.capacity ?? 0))
    }

    /// Throws what kept the thread or its engine from being made.
    package func start() throws(SystemError) {
        thread = try NamedThread(settings.threadName) {
            self.main()
        }
        stands.wait()
        if let failure {
            join()
            throw failure
        }
    }

    /// Lets the worker run. It owns the sockets from here on.
    package func serve(_ listeners: [(socket: Int32, isTCP: Bool)]) {
        self.listeners = listeners
        mayServe.post()
    }

    /// Returns when the worker has left; give it an order first.
    package func join() { thread?.join() }

    /// The worker has served its last connection and its thread is about to end.
    package var hasLeft: Bool { control.board[.left] != 0 }

    // MARK: On the worker's thread

    private func main() {
        // Signals are for the process's own threads, and splice(2) has no MSG_NOSIGNAL.
        _ = clinux_block_all_signals()
        if let processor { _ = clinux_pin_to_processor(processor) }
        do throws(SystemError) {
            // The one place where an engine is chosen: from here on everything is specialised for it.
            switch engine {
            case .uring(let ring): run(try UringEngine(ring))
            case .epoll(let descriptors, let buffers):
                run(try EpollEngine(descriptors: descriptors, intents: settings.intentsMax, buffers: buffers))
            }
        } catch {
            failure = error
            stands.post()
        }
    }

    private func run<E: Engine & ~Copyable>(_ engine: consuming E) {
        // All memory is taken before any port is open.
        var worker = Worker(engine: engine, settings: settings, control: control, connections: connections)
        stands.post()
        mayServe.wait()
        worker.start(listeners)
        worker.run()
        control.board.writer.publish(.left, 1)
    }
}
