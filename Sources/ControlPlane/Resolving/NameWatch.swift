import LinuxCalls
import Synchronization

/// Looks names up again and again, on threads of its own, each when its last answer is too old.
///
/// A thread may be held up for long by name servers that do not answer, and cannot be called back: so nobody waits for its end. It
/// keeps what it needs alive by itself.
package final class NameWatch: @unchecked Sendable {
    package static let threadsMax = 8

    private let lookup: NameLookup
    private let book = Locked(NameBook(troubledMax: threadsMax / 2))
    /// Rung for each thing that a thread should know.
    private let bell = Semaphore()
    /// Rung for each look-up that has ended while some name had none yet.
    private let ended = Semaphore()
    private let stops = Atomic<Bool>(false)
    private let changeCount = Atomic<UInt64>(0)
    // Of the owner's thread alone.
    private var threads = 0

    package convenience init() { self.init(.system) }

    init(_ lookup: NameLookup) { self.lookup = lookup }

    // MARK: For the owner, on one thread

    /// From now on these names are looked up, at once where they are new; what is known of the others is forgotten.
    package func follow(_ all: Set<ResolveRules>) throws(SystemError) {
        book.withLock { $0.follow(all, at: Clock.nowMillis()) }
        while threads < min(Self.threadsMax, all.count) {
            try NamedThread("names") { [self] in main() }.detach()
            threads += 1
        }
        for _ in 0..<threads { bell.post() }
    }

    /// Returns when each name has been answered or has failed, or when the time is over.
    package func waitForAll(milliseconds: Int64) {
        let end = Clock.nowMillis() + milliseconds
        while !book.withLock({ $0.areTried }), ended.wait(milliseconds: end - Clock.nowMillis()) {}
    }

    /// No look-up begins any more. Those that are under way are left to themselves.
    package func stop() {
        stops.store(true, ordering: .relaxed)
        for _ in 0..<threads { bell.post() }
    }

    // MARK: For anybody

    /// Grows whenever the servers of a name are others than before.
    package var changes: UInt64 { changeCount.load(ordering: .acquiring) }

    /// Of the last good answer; none where there was none yet.
    package func servers(of rules: ResolveRules) -> [ResolvedServer] { book.withLock { $0.servers(of: rules) } }

    package var statuses: [NameStatus] { book.withLock { $0.statuses } }
    package var counts: NameCounts { book.withLock { $0.counts } }
    /// Grows whenever `NameNews` has something to tell.
    package var news: UInt64 { book.withLock { $0.news } }

    // MARK: On the threads

    private func main() {
        while !stops.load(ordering: .relaxed) {
            let now = Clock.nowMillis()
            let (next, due) = book.withLock { book in (book.next(at: now), book.dueMillis) }
            guard let next else {
                bell.wait(milliseconds: due.map { $0 - now } ?? Self.longestSleepMillis)
                continue
            }
            let result: Result<NameAnswer, NameFailure>
            do throws(NameFailure) {
                result = .success(try lookup.answer(to: next))
            } catch {
                result = .failure(error)
            }
            note(result, of: next)
        }
    }

    private static let longestSleepMillis: Int64 = 3_600_000

    private func note(_ result: Result<NameAnswer, NameFailure>, of rules: ResolveRules) {
        let isAwaited = book.withLock { book in
            let isAwaited = !book.areTried
            book.note(result, of: rules, at: Clock.nowMillis())
            changeCount.store(book.changes, ordering: .releasing)
            return isAwaited
        }
        if isAwaited { ended.post() }
        // Who sleeps does so until what was due before.
        bell.post()
    }
}
