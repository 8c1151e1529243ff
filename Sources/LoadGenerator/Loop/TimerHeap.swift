/// Wake-ups by time: a binary heap in one array that grows to the number of connections and not beyond it for long.
struct TimerHeap {
    struct Entry: BitwiseCopyable {
        let atNanoseconds: Int64
        let socket: Int32
        let serial: UInt32
    }

    private var entries: [Entry] = []

    init() { entries.reserveCapacity(4096) }

    var first: Entry? { entries.first }

    mutating func add(_ entry: Entry) {
        entries.append(entry)
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].atNanoseconds < entries[parent].atNanoseconds else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    /// The first entry that is due, if any.
    mutating func take(dueAt now: Int64) -> Entry? {
        guard let first = entries.first, first.atNanoseconds <= now else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return first }
        entries[0] = last
        sink()
        return first
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            var child = 2 * parent + 1
            while child <= 2 * parent + 2, child < entries.count {
                if entries[child].atNanoseconds < entries[least].atNanoseconds { least = child }
                child += 1
            }
            guard least != parent else { return }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
