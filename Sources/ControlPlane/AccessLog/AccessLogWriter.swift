import CLinux
import DataPlane
import LinuxCalls
import Synchronization

/// The access log's thread: takes records from the workers' queues, makes lines of them, and writes those.
///
/// What is queued is formatted only when everything before it is written, so a sink that takes nothing leaves the records
/// where they are, and the workers drop and count what does not fit any more.
final class AccessLogWriter: @unchecked Sendable {
    // Used by the thread alone, once it runs.
    var sink: LogSink
    var formatter: RecordFormatter
    let queues: [RecordQueue]
    let bell: OutBell
    var lines = LineBuffer()
    /// Records whose lines were in the buffer when it was last filled.
    var recordsInBuffer: UInt64 = 0
    var hasNoticeInBuffer = false
    /// Dropped records that the log itself has told of.
    var droppedTold: UInt64 = 0
    var mayTellDroppedAtMillis: Int64 = 0
    /// How the sink stands: since when it takes nothing, and when it is tried again.
    var stuckSinceMillis: Int64?
    var retryAtMillis: Int64 = 0
    var pauseMillis: Int64 = 0
    /// Something was written since the last nap.
    var isAwake = false
    var isInTrouble = false
    /// The reader of a socket has gone; a new connection is tried for.
    var isDisconnected = false

    // Shared with the thread that gives the orders.
    private let reopenings = Atomic<Int>(0)
    private let closeAtMillis = Atomic<Int64>(.max)
    private let written = Atomic<UInt64>(0)
    private let hasLeft = Atomic<Bool>(false)
    private let news = Mutex(AccessLogNews())
    private let names = Mutex<(listeners: [String], upstreams: [String])?>(nil)
    private var thread: NamedThread?

    init(_ sink: LogSink, _ formatter: RecordFormatter, _ queues: [RecordQueue], _ bell: OutBell) {
        self.sink = sink
        self.formatter = formatter
        self.queues = queues
        self.bell = bell
    }

    // MARK: For others

    func start() throws(SystemError) {
        thread = try NamedThread("access-log") { self.main() }
    }

    func askToReopen() {
        reopenings.add(1, ordering: .relaxed)
        bell.ring()
    }

    func rename(listeners: [String], upstreams: [String]) {
        names.withLock { $0 = (listeners, upstreams) }
    }

    /// Returns once everything is written, or the time is over. A thread that hangs in write(2) is left to itself.
    func close(withinMillis patience: Int64) {
        let end = Clock.nowMillis() + patience
        closeAtMillis.store(end, ordering: .relaxed)
        bell.ring()
        while !hasLeft.load(ordering: .acquiring) {
            guard Clock.nowMillis() < end + Self.graceMillis else { return }
            _ = clinux_wait_for_room(-1, -1, 1)
        }
        thread?.join()
    }

    var recordsWritten: UInt64 { written.load(ordering: .relaxed) }

    func takeNews() -> AccessLogNews {
        news.withLock { news in
            defer { news = AccessLogNews() }
            return news
        }
    }

    // MARK: On the thread

    private static let graceMillis: Int64 = 500
    /// How long the thread lets records gather once it is awake, so that it is not woken for each one.
    private static let napMillis: Int32 = 5

    private func main() {
        var reopened = 0
        while true {
            let asked = reopenings.load(ordering: .relaxed)
            if asked != reopened {
                reopened = asked
                reopen()
            }
            takeNames()
            if writeOut() {
                if isClosing && !hasQueued && droppedUntold == 0 { break }
                rest()
            } else {
                if Clock.nowMillis() >= closeAtMillis.load(ordering: .relaxed) { break }
                waitForSink()
            }
        }
        forgetBuffer()
        hasLeft.store(true, ordering: .releasing)
    }

    /// Whoever hands over new numbers has given the names before.
    private func takeNames() {
        let taken = names.withLock { names in
            defer { names = nil }
            return names
        }
        if let taken { formatter.rename(listeners: taken.listeners, upstreams: taken.upstreams) }
    }

    var isClosing: Bool { closeAtMillis.load(ordering: .relaxed) != .max }
    var hasQueued: Bool { queues.contains { $0.count > 0 } }

    /// Until there is something to do.
    private func rest() {
        if isClosing || hasQueued { return }
        if isAwake || droppedUntold > 0 {
            isAwake = false
            _ = clinux_wait_for_room(-1, bell.event, Self.napMillis)
        } else {
            bell.fallAsleep()
            if !hasQueued { _ = clinux_wait_for_room(-1, bell.event, -1) }
            isAwake = true
        }
        bell.wakeUp()
    }

    /// Until the sink takes something again, or there is an order.
    private func waitForSink() {
        let now = Clock.nowMillis()
        var wait = min(1_000, max(0, closeAtMillis.load(ordering: .relaxed) - now))
        let isPausing = now < retryAtMillis
        if isPausing { wait = min(wait, retryAtMillis - now) }
        _ = clinux_wait_for_room(isPausing ? -1 : sink.descriptor, bell.event, Int32(wait))
        bell.wakeUp()
    }

    func add(written count: UInt64) { written.add(count, ordering: .relaxed) }

    func tell(_ change: (inout AccessLogNews) -> Void) { news.withLock { change(&$0) } }
}
