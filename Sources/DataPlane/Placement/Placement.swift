import CLinux

/// Where the workers of a group share newcomers out among each other: their loads and their inboxes.
///
/// The kernel spreads connections over the workers' listeners by a hash, which leaves one worker idle and another one full while
/// connections are few. Whoever accepts a client therefore hands it to the least loaded worker, where that one is clearly better
/// off. The workers must have ended before the group is let go of.
package final class Placement: @unchecked Sendable {
    package let loads: WorkerLoads
    /// Of clients that wait for servers with room.
    let queues: QueueBoard
    private let inboxes: [Inbox<Newcomer>]
    private let hatches: UnsafeMutablePointer<InboxHatch<Newcomer>>
    private let shortage: UnsafeMutablePointer<UInt64>

    package init(workers: Int) {
        loads = WorkerLoads(workers: workers)
        queues = QueueBoard(workers: workers)
        inboxes = (0..<workers).map { _ in Inbox<Newcomer>() }
        hatches = .allocate(capacity: workers)
        hatches.initialize(from: inboxes.map(\.hatch), count: workers)
        // On a cache line of its own: looked at for each accept, written only where something runs out.
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
        shortage = memory.initializeMemory(as: UInt64.self, repeating: 0, count: 8)
    }

    deinit {
        hatches.deallocate()
        UnsafeMutableRawPointer(shortage).deallocate()
    }

    /// One worker's side.
    func seat(of worker: Int) -> Seat {
        precondition(worker >= 0 && worker < loads.count, "Placement: no such worker")
        return Seat(own: worker, loads: loads.sides, hatches: hatches, shortage: shortage)
    }
}
