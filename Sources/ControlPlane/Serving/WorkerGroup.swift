import DataPlane
import LinuxCalls

/// The workers of one process, alike but for their index and processor.
final class WorkerGroup {
    private let workers: [WorkerThread]
    private var isServing = false
    private var hasStopped = false

    /// Starts the threads and their engines; no port is open yet.
    ///
    /// Throws what kept one of them from starting; the others have been stopped then.
    /// - Parameters:
    ///   - records: worker i puts its records into the i-th queue, where there are queues.
    ///   - processors: worker i is pinned to the i-th, where each of them has one. Fewer workers share their processors
    ///     with something else, which the scheduler must be free to part them from.
    init(
        count: Int, _ engine: EngineChoice, _ settings: WorkerSettings, records: [RecordQueue],
        pinnedTo processors: [Int32]
    ) throws(SystemError) {
        let connections = ConnectionCount()
        let placement = count > 1 ? Placement(workers: count) : nil
        var started: [WorkerThread] = []
        do throws(SystemError) {
            for index in 0..<count {
                var settings = settings
                settings.index = index
                settings.placement = placement
                settings.records = index < records.count ? records[index] : nil
                let worker = try WorkerThread(
                    settings: settings, engine: engine, connections: connections,
                    processor: count == processors.count ? processors[index] : nil)
                try worker.start()
                started.append(worker)
            }
        } catch {
            for worker in started { worker.stopUnserved() }
            throw error
        }
        workers = started
    }

    deinit { stop() }

    /// Ends at once what is still running, and returns when every thread has ended.
    func stop() {
        guard !hasStopped else { return }
        hasStopped = true
        if isServing {
            give(.stop)
            for worker in workers { worker.join() }
        } else {
            for worker in workers { worker.stopUnserved() }
        }
    }

    /// Hands each worker its socket of each listener.
    func serve(_ listeners: [BoundListener]) {
        precondition(!isServing, "WorkerGroup: served twice")
        isServing = true
        for worker in workers { worker.serve(listeners.compactMap { $0.take() }) }
    }

    /// Hands each worker a change, with its socket of each new listener.
    func hand(
        _ pools: PoolSet, opened: [(listener: BoundListener, number: UInt16)], closed: [UInt16], renamed: [Renaming]
    ) {
        for worker in workers {
            let sockets = opened.compactMap { listener, number in
                listener.take().map { ListeningHandle(socket: $0.socket, isTCP: $0.isTCP, number: number) }
            }
            worker.control.hand(WorkerControl.Change(pools, opened: sockets, closed: closed, renamed: renamed))
        }
    }

    /// The generation that every worker goes by at least.
    var generation: UInt64 { boards.map { $0[.generation] }.min() ?? 0 }

    func give(_ order: WorkerControl.Order) {
        for worker in workers { worker.control.give(order) }
    }

    /// Speak to the workers from any thread.
    var controls: [WorkerControl] { workers.map(\.control) }

    /// Every worker has served its last connection.
    var haveLeft: Bool { workers.allSatisfy(\.hasLeft) }

    var boards: [CounterBoard] { workers.map(\.control.board) }
}
