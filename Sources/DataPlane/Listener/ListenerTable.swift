/// A listener of this worker and how its accepting stands.
struct Listener: BitwiseCopyable {
    enum State: UInt8, BitwiseCopyable {
        /// No accept is out; one may be armed from `retryAtMillis` on.
        case paused
        case armed
        /// An accept is being withdrawn, because of a limit or a drain.
        case pausing
        case closed
    }

    let socket: Int32
    let isTCP: Bool
    /// In the order in which the worker was given them.
    let index: UInt16
    var state = State.paused
    var retryAtMillis: Int64 = 0
    /// Descriptors or memory ran out: until the queue is empty, connections are taken one by one, and only with a descriptor
    /// for the upstream at hand.
    var isShort = false
}

/// The worker's listeners, a fixed list.
struct ListenerTable: ~Copyable {
    let count: Int
    private let base: UnsafeMutablePointer<Listener>

    init(_ list: [Listener]) {
        count = list.count
        base = .allocate(capacity: max(1, list.count))
        base.initialize(from: list, count: list.count)
    }

    deinit { base.deallocate() }

    subscript(index: Int) -> UnsafeMutablePointer<Listener> { base + index }
}
