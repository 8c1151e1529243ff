import CLinux
import DataPlane
import LinuxCalls
import Synchronization

/// A thread that sleeps at a bell until there is something for it in the queues of a splicer's workers.
final class DeskReader: Sendable {
    private let bell: OutBell
    private let hasSome: @Sendable () -> Bool
    private let take: @Sendable () -> Void
    private let isClosing = Atomic(false)
    private let thread = Locked<NamedThread?>(nil)

    /// - Parameters:
    ///   - hasSome: there is something to take.
    ///   - take: takes all of it.
    init(_ bell: OutBell, hasSome: @escaping @Sendable () -> Bool, take: @escaping @Sendable () -> Void) {
        self.bell = bell
        self.hasSome = hasSome
        self.take = take
    }

    func start(_ name: String) throws(SystemError) {
        let started = try NamedThread(name) { self.main() }
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
}

extension DeskReader {
    /// Reads the results of all workers and wakes who waits for them, as the ancestor's wakeup(9) did.
    static func ofResults(_ bell: OutBell, _ desks: [JobDesk], _ book: JobBook) -> DeskReader {
        DeskReader(bell, hasSome: { desks.contains { $0.results.count > 0 } }) {
            for (worker, desk) in desks.enumerated() {
                _ = desk.results.take(atMost: desk.capacity) { book.close($0, of: worker) }
            }
        }
    }

    /// Reads parts of files into the page cache, so that no worker waits for a disk. The kernel is told of all of them before any is
    /// waited for, so that the disk has them at once.
    static func ofFiles(_ bell: OutBell, _ desks: [JobDesk]) -> DeskReader {
        DeskReader(bell, hasSome: { desks.contains { $0.readings.count > 0 } }) {
            for desk in desks {
                var readings: [FileReading] = []
                _ = desk.readings.take(atMost: desk.capacity) { readings.append(copy $0) }
                // One alone gains nothing by it, and loses: what is read ahead by such advice comes in single pages, what is read
                // in passing in large folios, which cost less to send.
                for reading in readings where readings.count > 1 {
                    _ = clinux_file_begin_reading(reading.file, reading.offset, reading.count)
                }
                for reading in readings {
                    // A failure shows itself to the worker, which sends from what cannot be read.
                    _ = clinux_file_finish_reading(reading.file, reading.offset, reading.count)
                    var order = Job(.wasRead, place: reading.place)
                    order.serial = reading.serial
                    _ = desk.give(order)
                }
            }
        }
    }
}
