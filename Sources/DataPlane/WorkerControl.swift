import CLinux
import LinuxCalls

/// How the rest of the process speaks to one worker: an order, and a bell (eventfd(2)) that wakes it.
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

    /// Wakes the worker, so that it looks at what has changed.
    package func wake() { _ = clinux_event_ring(bell) }

    package var current: Order { Order(rawValue: clinux_look(word)) ?? .stop }
}
