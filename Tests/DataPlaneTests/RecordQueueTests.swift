import LinuxCalls
import Testing

@testable import DataPlane

@Suite("The queue of records")
struct RecordQueueTests {
    private func record(_ serial: UInt64) -> ConnectionRecord {
        var record = ConnectionRecord()
        record.serial = serial
        return record
    }

    private func serials(_ queue: RecordQueue, atMost limit: Int = .max) -> [UInt64] {
        var serials: [UInt64] = []
        _ = queue.take(atMost: limit) { serials.append($0.serial) }
        return serials
    }

    @Test("gives records in their order, once each, and only after they were handed over")
    func order() throws {
        let queue = RecordQueue(try OutBell(), capacity: 8)
        var pen = queue.pen
        for serial in 0..<3 as Range<UInt64> {
            var record = record(serial)
            let isQueued = pen.write(&record)
            #expect(isQueued)
        }
        #expect(queue.count == 0)
        _ = pen.handOver()
        #expect(queue.count == 3)
        #expect(serials(queue, atMost: 2) == [0, 1])
        #expect(serials(queue) == [2])
        #expect(queue.count == 0)
    }

    @Test("drops and counts what does not fit, keeps what did, and takes more once there is room")
    func full() throws {
        let queue = RecordQueue(try OutBell(), capacity: 4)
        var pen = queue.pen
        var queued: [Bool] = []
        for serial in 0..<7 as Range<UInt64> {
            var record = record(serial)
            queued.append(pen.write(&record))
        }
        #expect(queued == [true, true, true, true, false, false, false])
        #expect(queue.dropped == 3)
        _ = pen.handOver()
        #expect(serials(queue) == [0, 1, 2, 3])
        var more = record(9)
        let isQueued = pen.write(&more)
        #expect(isQueued)
        _ = pen.handOver()
        #expect(serials(queue) == [9])
    }

    @Test("rings once for a reader that sleeps, and never for one that is awake")
    func bell() throws {
        let bell = try OutBell()
        let queues = [RecordQueue(bell, capacity: 8), RecordQueue(bell, capacity: 8)]
        var pens = queues.map(\.pen)
        func handOver(_ index: Int) -> Bool {
            var record = record(0)
            _ = pens[index].write(&record)
            return pens[index].handOver()
        }
        #expect(!handOver(0))
        bell.fallAsleep()
        #expect(handOver(1))
        #expect(!handOver(0) && !handOver(1))
        bell.wakeUp()
        #expect(!handOver(0))
        let isNothingNew = pens[0].handOver()
        #expect(!isNothingNew)
    }

    @Test("loses and repeats nothing between two threads while the reader keeps falling asleep")
    func twoThreads() throws {
        let bell = try OutBell()
        let queue = RecordQueue(bell, capacity: 64)
        let writer = RecordWriterThread(queue, count: 200_000)
        try writer.start()
        var (taken, expected, misplaced) = (0, UInt64(0), 0)
        let end = Clock.nowMillis() + 20_000
        while UInt64(taken) + queue.dropped < 200_000 && Clock.nowMillis() < end {
            bell.fallAsleep()
            if queue.count == 0 { _ = RecordWriterThread.waitFor(bell) }
            bell.wakeUp()
            taken += queue.take(atMost: 50) {
                if $0.serial < expected { misplaced += 1 }
                expected = $0.serial + 1
            }
        }
        writer.join()
        #expect(UInt64(taken) + queue.dropped == 200_000 && taken > 0)
        #expect(misplaced == 0, "a record came twice or out of its order")
    }

    @Test("a record has a size at which a million of them can wait in cold memory")
    func size() {
        #expect(MemoryLayout<ConnectionRecord>.stride <= 256)
    }
}
