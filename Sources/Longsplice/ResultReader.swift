import CLinux
import DataPlane
import LinuxCalls
import Synchronization

/// The one thread of a splicer that reads the results of all its workers and wakes who waits for them, as the ancestor's
/// wakeup(9) did.
final class ResultReader: Sendable {
    private let bell: OutBell
    private let desks: [JobDesk]
    private let book: JobBook
    private let isClosing = Atomic(false)
    private let thread = Mutex<NamedThread?>(nil)

    init(_ bell: OutBell, _ desks: [JobDesk], _ book: JobBook) {
        self.bell = bell
        self.desks = desks
        self.book = book
    }

    func start() throws(SystemError) {
        let started = try NamedThread("splice-results") { self.main() }
        thread.withLock { $0 = started }
    }

    /// Everything that is in the queues is read first.
    func close() {
        isClosing.store(true, ordering: .releasing)
        bell.ring()
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
    }

    private func main() {
        while true {
            let isLast = isClosing.load(ordering: .acquiring)
            if readAll() { continue }
            if isLast { return }
            bell.fallAsleep()
            if !desks.contains(where: { $0.results.count > 0 }) && !isClosing.load(ordering: .acquiring) {
                _ = clinux_wait_for_room(-1, bell.event, -1)
            }
            bell.wakeUp()
        }
    }

    /// True where there was something.
    private func readAll() -> Bool {
        var count = 0
        for (worker, desk) in desks.enumerated() {
            count += desk.results.take(atMost: desk.capacity) { book.close($0, of: worker) }
        }
        return count > 0
    }
}
