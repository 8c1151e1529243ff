import CLinux
import LinuxCalls

@testable import DataPlane

/// Writes records with rising serial numbers as fast as it can, as a worker would that has nothing else to do.
final class RecordWriterThread: @unchecked Sendable {
    private let queue: RecordQueue
    private let count: UInt64
    private var thread: NamedThread?

    init(_ queue: RecordQueue, count: UInt64) {
        self.queue = queue
        self.count = count
    }

    func start() throws {
        thread = try NamedThread("records") { self.main() }
    }

    func join() { thread?.join() }

    /// False where nobody rang for two seconds: the wake-up was lost.
    static func waitFor(_ bell: OutBell) -> Bool { clinux_wait_for_room(-1, bell.event, 2_000) == 2 }

    private func main() {
        var pen = queue.pen
        var record = ConnectionRecord()
        for serial in 0..<count {
            record.serial = serial
            _ = pen.write(&record)
            if serial % 7 == 0 && pen.handOver() { queue.bell.ring() }
        }
        if pen.handOver() { queue.bell.ring() }
    }
}
