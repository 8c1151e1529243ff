import CLinux

/// Where jobs are given to one worker and their results come back.
///
/// Neither queue can run over: no more than `capacity` jobs are open at once, each is ordered once and taken back at most once,
/// each has one result, and each waits for one reading at a time. Keeping to that is up to whoever gives the jobs.
package final class JobDesk: @unchecked Sendable {
    package let capacity: Int
    package let results: OutQueue<JobResult>
    package let readings: OutQueue<FileReading>
    private let orders: Inbox<Job>

    /// - Parameters:
    ///   - bell: wakes the thread that reads the results.
    ///   - readingBell: wakes the thread that reads files into the page cache.
    ///   - capacity: jobs that are open at once; a power of two.
    package init(_ bell: OutBell, readingBell: OutBell, capacity: Int) {
        self.capacity = capacity
        results = OutQueue(bell, capacity: capacity)
        readings = OutQueue(readingBell, capacity: capacity)
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
    var readingPen: OutPen<FileReading> { readings.pen }
}
