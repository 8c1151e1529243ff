/// The jobs behind a worker's knots: cold memory beside them. A worker that has none does not even reserve it.
struct JobTable: ~Copyable {
    /// What is kept of a job while it lasts.
    struct Entry: BitwiseCopyable {
        var job: Job
        var startedAtNanos: Int64
        /// The last `-errno` of the kernel that was no mere «not now».
        var failure: Int32 = 0
        /// The file ended before everything was sent.
        var isCutShort = false
        /// Up to here the file was found in the page cache.
        var readUpTo: Int64 = 0
        /// What comes next is not in the page cache.
        var isCold = false
    }

    private let entries: SlotTable<Entry>
    /// The slot of the job at each place.
    private let slots: UnsafeMutablePointer<UInt32>?
    private let capacity: Int
    let orders: InboxHatch<Job>?
    var results: OutPen<JobResult>?

    /// - Parameters:
    ///   - desk: where jobs come from, nil for none.
    ///   - slotCount: knots of the worker.
    init(_ desk: JobDesk?, slotCount: Int) {
        capacity = desk?.capacity ?? 0
        orders = desk?.hatch
        results = desk?.pen
        entries = SlotTable(capacity: desk == nil ? 0 : slotCount)
        slots = desk.map { .allocate(capacity: $0.capacity) }
        slots?.initialize(repeating: Knot.nowhere, count: capacity)
    }

    deinit { slots?.deallocate() }

    var exists: Bool { entries.exists }
    var hasOrders: Bool { orders.map { !$0.isEmpty } ?? false }

    /// The oldest order, nil where there is none.
    func takeOrder() -> Job? {
        guard let orders else { return nil }
        return orders.take()
    }

    /// The job of a knot, in place. The table must exist.
    subscript(slot: UInt32) -> UnsafeMutablePointer<Entry> { entries[slot] }

    func begin(_ job: Job, _ slot: UInt32, at nanos: Int64) {
        self[slot].initialize(to: Entry(job: job, startedAtNanos: nanos))
        precondition(Int(job.place) < capacity, "JobTable: a place beyond the desk's capacity")
        slots?[Int(job.place)] = slot
    }

    func end(_ slot: UInt32) { slots?[Int(self[slot].pointee.job.place)] = Knot.nowhere }

    /// The knot of an order's job, nil where that has ended.
    func slot(of order: Job) -> UInt32? {
        guard let slots, Int(order.place) < capacity else { return nil }
        let slot = slots[Int(order.place)]
        return slot != Knot.nowhere && self[slot].pointee.job.serial == order.serial ? slot : nil
    }

    /// How many bytes a lane may still take from its source; the table must exist.
    func bytesLeft(_ slot: UInt32, _ direction: Direction, moved: UInt64) -> UInt64 {
        let length = self[slot].pointee.job.length
        return direction == .down || length == Job.noLimit ? Job.noLimit : length &- min(moved, length)
    }

    /// The lane has a limit, so that nothing may be received whose length is not known before.
    func isLimited(_ slot: UInt32, _ direction: Direction) -> Bool {
        exists && direction == .up && self[slot].pointee.job.length != Job.noLimit
    }
}
