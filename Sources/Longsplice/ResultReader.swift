import CLinux
import DataPlane
import LinuxCalls
import Synchronization

/// A thread that takes the results of a splicer's workers and wakes who waits for them, as the ancestor's wakeup(9) did. It sleeps at a bell
/// while there are none.
final class ResultReader: Sendable {
    private let bell: OutBell
    private let desks: [JobDesk]
    private let book: JobBook
    private let coldSender: ColdSender
    private let isClosing = Atomic(false)
    private let thread = Locked<NamedThread?>(nil)

    init(_ bell: OutBell, _ desks: [JobDesk], _ book: JobBook, _ coldSender: ColdSender) {
        self.bell = bell
        self.desks = desks
        self.book = book
        self.coldSender = coldSender
    }

    func start() throws(SystemError) {
        let started = try NamedThread("splice-results") { self.main() }
        thread.withLock { $0 = started }
    }

    /// Everything that is in the queues is taken first.
    func close() {
        isClosing.store(true, ordering: .releasing)
        bell.ring()
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
    }

    private func main() {
        _ = clinux_block_all_signals()
        while true {
            let isLast = isClosing.load(ordering: .acquiring)
            take()
            if hasSome() { continue }
            if isLast { return }
            bell.fallAsleep()
            if !hasSome() && !isClosing.load(ordering: .acquiring) { _ = clinux_wait_for_room(-1, bell.event, -1) }
            bell.wakeUp()
        }
    }

    private func hasSome() -> Bool { desks.contains { $0.results.count > 0 } }

    private func take() {
        for (worker, desk) in desks.enumerated() {
            _ = desk.results.take(atMost: desk.capacity) { result in
                if let call = book.close(result, of: worker) { coldSender.add(call) }
            }
        }
    }
}
