import CLinux

/// Where jobs are given to one worker and their results come back.
///
/// Neither queue can run over: no more than `capacity` jobs are open at once, each of them is ordered once and taken back at most
/// once, and has one result; and of the job that had its place before, an order to take it back may have come too late. Keeping to that is up to
/// whoever gives the jobs.
package final class JobDesk: @unchecked Sendable {
    package let capacity: Int
    package let results: OutQueue<JobResult>
    private let orders: Inbox<Job>

    /// - Parameters:
    ///   - bell: wakes the thread that reads the results.
    ///   - capacity: jobs that are open at once; a power of two.
    package init(_ bell: OutBell, capacity: Int) {
        self.capacity = capacity
        results = OutQueue(bell, capacity: capacity)
        orders = Inbox(capacity: 3 * capacity, letGo: { _ in })
    }

    /// False where the worker is leaving: there will be no result.
    package func give(_ job: Job) -> Bool {
        switch hatch.offer(job) {
        case .refused: return false
        case .taken: return true
        case .takenByRinging(let bell):
            _ = clinux_event_ring(bell)
            return true
        }
    }

    // MARK: The worker's side

    var hatch: InboxHatch<Job> { orders.hatch }
    var pen: OutPen<JobResult> { results.pen }
}
