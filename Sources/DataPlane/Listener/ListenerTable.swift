/// A listening socket, on its way to the worker that closes it.
package struct ListeningHandle: BitwiseCopyable, Sendable {
    package let socket: Int32
    package let isTCP: Bool
    /// The listener's.
    package let number: UInt16

    package init(socket: Int32, isTCP: Bool, number: UInt16) {
        self.socket = socket
        self.isTCP = isTCP
        self.number = number
    }
}

/// A socket's listener, which is another one from now on. Who came before stays with the old one.
package struct Renaming: BitwiseCopyable, Sendable {
    package let from: UInt16
    package let to: UInt16

    package init(from: UInt16, to: UInt16) {
        self.from = from
        self.to = to
    }
}

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
    /// What it is known by (`PoolSet.listeners`).
    var number: UInt16
    /// It is to be closed once its accept queue is served.
    var isLeaving = false
    var state = State.paused
    var retryAtMillis: Int64 = 0
    /// Descriptors or memory ran out: until the queue is empty, connections are taken one by one, and only with a descriptor
    /// for the upstream at hand.
    var isShort = false
}

/// The worker's listeners. Each keeps its place until it is closed, since answers to accepts name the place.
struct ListenerTable: ~Copyable {
    private(set) var count: Int
    private var capacity: Int
    private var base: UnsafeMutablePointer<Listener>

    init(_ list: [Listener]) {
        count = list.count
        capacity = max(1, list.count)
        base = .allocate(capacity: capacity)
        base.initialize(from: list, count: list.count)
    }

    deinit { base.deallocate() }

    subscript(index: Int) -> UnsafeMutablePointer<Listener> { base + index }

    /// Pointers into the table are void afterwards.
    mutating func add(_ listener: Listener) {
        for index in 0..<count where base[index].state == .closed {
            base[index] = listener
            return
        }
        if count == capacity {
            let larger = UnsafeMutablePointer<Listener>.allocate(capacity: 2 * capacity)
            larger.moveInitialize(from: base, count: count)
            base.deallocate()
            base = larger
            capacity *= 2
        }
        (base + count).initialize(to: listener)
        count += 1
    }
}
