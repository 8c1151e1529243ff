import LinuxCalls

/// Pools and listeners that change while the worker runs. Connections that are here go on: what they have chosen they know by numbers
/// that stay.
extension Worker where E: ~Copyable {
    /// Called between two completions, where nobody holds a pointer into the tables. Not inlined, so that what it counts and allocates
    /// is no part of the loop.
    @inline(never)
    mutating func adoptChanges() {
        for change in control.takeChanges() { adopt(change) }
    }

    private mutating func adopt(_ change: WorkerControl.Change) {
        poolSet = change.pools
        servers = PoolTable(change.pools, settings.timeouts, worker: nil)
        for number in change.closed {
            for index in 0..<listeners.count where listeners[index].pointee.number == number {
                leave(listeners[index])
            }
        }
        // All at once: numbers may be exchanged.
        for index in 0..<listeners.count where listeners[index].pointee.state != .closed {
            let number = listeners[index].pointee.number
            guard !listeners[index].pointee.isLeaving, let renaming = change.renamed.first(where: { $0.from == number })
            else { continue }
            listeners[index].pointee.number = renaming.to
        }
        for opened in change.opened {
            // Who leaves takes nobody; what waits in the accept queue is lost with the last worker's socket only.
            if isLeaving { engine.close(opened.socket) } else { open(opened) }
        }
        board.publish(.generation, Int(truncatingIfNeeded: change.pools.generation))
    }

    private mutating func leave(_ listener: UnsafeMutablePointer<Listener>) {
        guard listener.pointee.state != .closed, !listener.pointee.isLeaving else { return }
        listener.pointee.isLeaving = true
        listenersLeaving += 1
    }

    private mutating func open(_ opened: ListeningHandle) {
        listeners.add(Listener(socket: opened.socket, isTCP: opened.isTCP, number: opened.number))
    }

    /// All of them where the worker leaves.
    var isClosingListeners: Bool { isLeaving || listenersLeaving > 0 }
}
