import CLinux

/// Plain values that other threads hand to one worker: a short queue under a short lock.
///
/// It is open from the time its worker stands until it leaves, so that nothing is handed to one that will not serve it. What is
/// offered is refused where it is closed or full, and stays with whoever offered it. Each side takes the lock once for each item
/// that is handed over, for a few tens of nanoseconds.
package final class Inbox<Item: BitwiseCopyable>: @unchecked Sendable {
    /// More wait only where their worker has stood still for a while.
    static var capacity: Int { 1024 }

    private let memory: UnsafeMutableRawPointer
    private let places: UnsafeMutablePointer<Item>
    let capacity: Int

    private let letGo: (Item) -> Void

    /// - Parameter letGo: what becomes of items that were never taken.
    init(capacity: Int = Inbox.capacity, letGo: @escaping (Item) -> Void) {
        precondition(capacity > 0, "Inbox: without room")
        self.capacity = capacity
        self.letGo = letGo
        // The lock on one cache line, what is looked at without it on another one.
        memory = .allocate(byteCount: 192, alignment: 64)
        memory.initializeMemory(as: UInt32.self, repeating: 0, count: 16)
        memory.advanced(by: 64).initializeMemory(as: UInt64.self, repeating: 0, count: 8)
        memory.advanced(by: 128).initializeMemory(as: InboxState.self, repeating: InboxState(), count: 1)
        places = .allocate(capacity: capacity)
    }

    /// A worker that was never told to leave may have left some behind.
    deinit {
        while let item = hatch.take() { letGo(item) }
        places.deallocate()
        memory.deallocate()
    }

    /// The workers' side.
    var hatch: InboxHatch<Item> {
        InboxHatch(
            lock: memory.assumingMemoryBound(to: UInt32.self),
            count: memory.advanced(by: 64).assumingMemoryBound(to: UInt64.self),
            state: memory.advanced(by: 128).assumingMemoryBound(to: InboxState.self), places: places, capacity: capacity
        )
    }
}

/// What only the holder of the lock looks at.
struct InboxState: BitwiseCopyable {
    /// The place of the oldest item.
    var first = 0
    /// The owner's bell; negative while the inbox is closed.
    var bell: Int32 = -1
}

/// Both sides of an `Inbox`, which must outlive it: plain pointers, so that no reference is counted.
struct InboxHatch<Item: BitwiseCopyable>: BitwiseCopyable {
    /// What became of an item that was offered.
    enum Offer: BitwiseCopyable, Equatable {
        /// The inbox is closed or full: whoever offered it keeps it.
        case refused
        case taken
        /// It was the first one, so its new worker may sleep: the bell has to be rung.
        case takenByRinging(Int32)
    }

    private let lock: UnsafeMutablePointer<UInt32>
    private let count: UnsafeMutablePointer<UInt64>
    private let state: UnsafeMutablePointer<InboxState>
    private let places: UnsafeMutablePointer<Item>
    private let capacity: Int

    init(
        lock: UnsafeMutablePointer<UInt32>, count: UnsafeMutablePointer<UInt64>,
        state: UnsafeMutablePointer<InboxState>, places: UnsafeMutablePointer<Item>, capacity: Int
    ) {
        self.lock = lock
        self.count = count
        self.state = state
        self.places = places
        self.capacity = capacity
    }

    /// For every worker. Each time the inbox ceases to be empty one offer says so, so no bell is missed.
    func offer(_ item: Item) -> Offer {
        clinux_lock(lock)
        defer { clinux_unlock(lock) }
        let waiting = Int(truncatingIfNeeded: clinux_look(count))
        let bell = state.pointee.bell
        guard bell >= 0, waiting < capacity else { return .refused }
        places[place(state.pointee.first &+ waiting)] = item
        clinux_publish(count, UInt64(truncatingIfNeeded: waiting &+ 1))
        return waiting == 0 ? .takenByRinging(bell) : .taken
    }

    // MARK: The owner's side

    func open(ringing bell: Int32) { set(bell) }

    /// Nothing comes in from here on; what is in there can still be taken.
    func close() { set(-1) }

    /// Without the lock: what is not seen yet is announced by the bell.
    var isEmpty: Bool { clinux_look(count) == 0 }

    /// The oldest item, nil where there is none.
    func take() -> Item? {
        clinux_lock(lock)
        defer { clinux_unlock(lock) }
        let waiting = clinux_look(count)
        guard waiting > 0 else { return nil }
        let item = places[state.pointee.first]
        state.pointee.first = place(state.pointee.first &+ 1)
        clinux_publish(count, waiting &- 1)
        return item
    }

    private func set(_ bell: Int32) {
        clinux_lock(lock)
        defer { clinux_unlock(lock) }
        state.pointee.bell = bell
    }

    private func place(_ number: Int) -> Int { number < capacity ? number : number &- capacity }
}
