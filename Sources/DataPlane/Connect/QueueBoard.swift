import CLinux

/// What all workers know of the clients that wait until a server of their pool has room: for each pool how many there are, and for each
/// worker since when its first one has waited. So a place goes to whoever has waited longest, in whichever worker it becomes free.
///
/// Plain words without a lock; a word that is a moment old does no harm, since whoever waits looks again and again.
final class QueueBoard: @unchecked Sendable {
    private let pools: Int
    private let workers: Int
    /// A row for each pool: the count, and a word for each worker.
    private let words: UnsafeMutablePointer<Int64>
    private let bells: UnsafeMutablePointer<Int64>

    /// Memory is only reserved for them, and touched as they are used.
    static let poolsMax = 65_536

    init(workers: Int, pools: Int = QueueBoard.poolsMax) {
        guard let words = clinux_zeroed(max(1, pools) * (workers + 1), MemoryLayout<Int64>.stride),
            let bells = clinux_zeroed(workers, MemoryLayout<Int64>.stride)
        else { preconditionFailure("QueueBoard: out of memory") }
        self.pools = pools
        self.workers = workers
        self.words = words.bindMemory(to: Int64.self, capacity: max(1, pools) * (workers + 1))
        self.bells = bells.bindMemory(to: Int64.self, capacity: workers)
    }

    deinit {
        clinux_free(words)
        clinux_free(bells)
    }

    /// One worker's side. The object must outlive it.
    func side(of worker: Int) -> QueueSide {
        precondition(worker >= 0 && worker < workers, "QueueBoard: no such worker")
        return QueueSide(own: worker, pools: pools, workers: workers, words: words, bells: bells)
    }
}

/// One worker's side of a `QueueBoard`: plain pointers, so that no reference is counted.
struct QueueSide: BitwiseCopyable {
    fileprivate let own: Int
    let pools: Int
    fileprivate let workers: Int
    fileprivate let words: UnsafeMutablePointer<Int64>
    fileprivate let bells: UnsafeMutablePointer<Int64>

    /// From here on the others wake this worker when its first client is next.
    func open(ringing bell: Int32) { clinux_set(bells + own, Int64(bell) &+ 1) }
    func close() { clinux_set(bells + own, 0) }

    /// Clients of all workers.
    func waiting(in pool: UInt16) -> Int64 { clinux_count(row(pool)) }

    /// One client more; false where as many wait as may.
    func enter(_ pool: UInt16, atMost most: Int64) -> Bool { clinux_add_within(row(pool), most) != 0 }

    func leave(_ pool: UInt16) { _ = clinux_add(row(pool), -1) }

    /// - Parameter since: when this worker's first client of the pool began to wait, in milliseconds of the monotonic clock; nil where
    ///   none does.
    func tell(_ since: Int64?, _ pool: UInt16) { clinux_set(row(pool) + 1 + own, since.map { $0 &+ 1 } ?? 0) }

    /// Of the other workers whose first client of the pool began to wait before `moment` the one whose has waited longest: its bell. Nil
    /// where there is none.
    func bell(before moment: Int64, _ pool: UInt16) -> Int32? {
        var (earliest, bell) = (moment == .max ? moment : moment &+ 1, Int64(0))
        let row = row(pool)
        for worker in 0..<workers where worker != own {
            let since = clinux_count(row + 1 + worker)
            guard since != 0, since < earliest else { continue }
            (earliest, bell) = (since, clinux_count(bells + worker))
        }
        return bell == 0 ? nil : Int32(truncatingIfNeeded: bell &- 1)
    }

    private func row(_ pool: UInt16) -> UnsafeMutablePointer<Int64> {
        precondition(Int(pool) < pools, "QueueBoard: no such pool")
        return words + Int(pool) * (workers + 1)
    }
}
