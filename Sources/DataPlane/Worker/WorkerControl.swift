import CLinux
import LinuxCalls
import Synchronization

/// How the rest of the process speaks to one worker: an order, changes to pools and listeners, and a bell (eventfd(2)) that wakes it.
package final class WorkerControl: @unchecked Sendable {
    package enum Order: UInt64, Comparable {
        case run = 0
        /// Take no more connections, serve those in the accept queue, leave when the last pair is done.
        case drain = 1
        /// As `drain`, but cut what is left now.
        case cut = 2
        /// Leave at once.
        case stop = 3

        package static func < (a: Order, b: Order) -> Bool { a.rawValue < b.rawValue }
    }

    package let board: CounterBoard
    let bell: Int32
    private let word: UnsafeMutablePointer<UInt64>
    private let changes = Mutex<[Change]>([])

    /// What a worker is to go by from now on.
    package struct Change: Sendable {
        package let pools: PoolSet
        /// Sockets that listen, which the worker closes.
        package let opened: [ListeningHandle]
        /// Numbers of listeners that serve their accept queue and are closed. Those of `opened` come after.
        package let closed: [UInt16]
        /// Sockets that belong to another listener from now on.
        package let renamed: [Renaming]

        package init(
            _ pools: PoolSet, opened: [ListeningHandle] = [], closed: [UInt16] = [], renamed: [Renaming] = []
        ) {
            self.pools = pools
            self.opened = opened
            self.closed = closed
            self.renamed = renamed
        }
    }

    package init(board: CounterBoard) throws(SystemError) {
        self.board = board
        bell = try checked(clinux_event(), "eventfd")
        word = .allocate(capacity: 1)
        word.initialize(to: Order.run.rawValue)
    }

    deinit {
        _ = clinux_close(bell)
        word.deallocate()
    }

    /// Orders only ever grow more urgent.
    package func give(_ order: Order) {
        guard order > current else { return }
        clinux_publish(word, order.rawValue)
        _ = clinux_event_ring(bell)
    }

    /// Hands over a change, which the worker takes on at its next turn; `Gauge.generation` tells.
    package func hand(_ change: Change) {
        changes.withLock { $0.append(change) }
        wake()
    }

    /// In the order in which they were handed over.
    func takeChanges() -> [Change] {
        changes.withLock { changes in
            defer { changes = [] }
            return changes
        }
    }

    /// Wakes the worker, so that it looks at what has changed.
    package func wake() { _ = clinux_event_ring(bell) }

    package var current: Order { Order(rawValue: clinux_look(word)) ?? .stop }
}
