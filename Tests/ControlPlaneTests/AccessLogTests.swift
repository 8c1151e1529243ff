import CLinux
import Glibc
import LinuxCalls
import Testing

@testable import ControlPlane
@testable import DataPlane

@Suite("The access log", .serialized)
struct AccessLogTests {
    /// An access log and the pens of its workers.
    private final class Bench {
        let log: AccessLog
        var pens: [RecordPen]

        init(_ place: AccessLogPlace, workers: Int = 1) throws {
            log = try AccessLog(place, .json, workers: workers)
            pens = log.queues.map(\.pen)
            try log.start(listeners: ["127.0.0.1:1"], upstreams: ["127.0.0.1:2"], engine: "epoll", relay: "splice")
        }

        /// Returns how many found room.
        func write(_ count: Int, worker: Int = 0) -> Int {
            var queued = 0
            for _ in 0..<count {
                var record = ConnectionRecord()
                record.worker = UInt16(worker)
                if pens[worker].write(&record) { queued += 1 }
            }
            if pens[worker].handOver() { log.queues[worker].bell.ring() }
            return queued
        }
    }

    private func freshFile() -> String { "/tmp/longsplice-test-\(clinux_monotonic_nanoseconds()).access" }

    /// All there is in a file or a FIFO that is kept open.
    private func contents(_ descriptor: Int32) -> [UInt8] {
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &piece, piece.count)
            guard count > 0 else { return all }
            all += piece[..<count]
        }
    }

    private func lineCount(_ path: String) -> Int {
        let file = open(path, O_RDONLY)
        defer { close(file) }
        return contents(file).count { $0 == UInt8(ascii: "\n") }
    }

    @Test("writes the records of all workers, and is complete when it is closed")
    func complete() throws {
        let path = freshFile()
        defer { unlink(path) }
        let bench = try Bench(.file(path), workers: 3)
        for worker in 0..<3 { #expect(bench.write(2_000, worker: worker) == 2_000) }
        #expect(eventually { lineCount(path) == 6_000 }, "without being closed")
        #expect(bench.write(500) == 500)
        bench.log.close(withinMillis: 2_000)
        #expect(lineCount(path) == 6_500 && bench.log.recordsWritten == 6_500)
    }

    @Test("goes on in a new file when it is told to, and appends to one that is there")
    func reopen() throws {
        let path = freshFile()
        let old = path + ".old"
        defer {
            unlink(path)
            unlink(old)
        }
        for round in 1...2 {
            let bench = try Bench(.file(path))
            #expect(bench.write(100) == 100)
            bench.log.close(withinMillis: 2_000)
            #expect(lineCount(path) == 100 * round)
        }
        let bench = try Bench(.file(path))
        #expect(bench.write(10) == 10)
        rename(path, old)
        bench.log.reopen()
        #expect(eventually { access(path, F_OK) == 0 })
        #expect(bench.write(7) == 7)
        bench.log.close(withinMillis: 2_000)
        #expect(lineCount(old) == 210 && lineCount(path) == 7)
    }

    @Test("is closed in time though its FIFO is read by nobody, and knows what is lost")
    func stuck() throws {
        let path = freshFile()
        defer { unlink(path) }
        mkfifo(path, 0o600)
        // Keeps what is in it when the log lets go.
        let end = open(path, O_RDONLY | O_NONBLOCK)
        defer { close(end) }
        let bench = try Bench(.file(path))
        let queued = bench.write(10_000)
        #expect(queued == RecordQueue.capacity)
        let began = Clock.nowMillis()
        bench.log.close(withinMillis: 300)
        #expect(Clock.nowMillis() - began < 20_000)
        let lines = contents(end).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        #expect(lines.last?.isEmpty == true, "no line is torn")
        // The writer may have been quick enough to tell in between how many records were dropped.
        let records = lines.count { !$0.isEmpty && !String(decoding: $0, as: UTF8.self).contains(",\"dropped\":") }
        #expect(records == Int(bench.log.recordsWritten))
        #expect(lines.count > 50 && lines.count < 1_000)
    }

    @Test("tells in its own lines how many records were dropped, once it is read again")
    func dropped() throws {
        let path = freshFile()
        defer { unlink(path) }
        mkfifo(path, 0o600)
        let end = open(path, O_RDONLY | O_NONBLOCK)
        defer { close(end) }
        let bench = try Bench(.file(path))
        let queued = bench.write(10_000)
        var lines: [String] = []
        var rest: [UInt8] = []
        // The writer may have been quick enough to tell in between how many records were dropped so far.
        var dropped = 0
        #expect(
            eventually {
                rest += contents(end)
                while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = String(decoding: rest[..<newline], as: UTF8.self)
                    rest.removeSubrange(...newline)
                    lines.append(line)
                    if let key = line.utf8.firstRange(of: "\"dropped\":".utf8) {
                        dropped += Int(line[key.upperBound...].prefix { $0.isNumber }) ?? 0
                    }
                }
                return dropped == 10_000 - queued
            })
        #expect(rest.isEmpty, "no line is torn")
        bench.log.close(withinMillis: 2_000)
        #expect(lines.count { !$0.utf8.contains("\"dropped\":".utf8) } == queued)
        #expect(bench.log.recordsWritten == UInt64(queued))
    }

    @Test("tells of trouble once, and of its end")
    func trouble() throws {
        let bench = try Bench(.file("/dev/full"))
        #expect(bench.write(1) == 1)
        var told: [String] = []
        #expect(
            eventually {
                if let trouble = bench.log.takeNews().trouble { told.append(trouble) }
                return !told.isEmpty
            })
        for _ in 0..<300 {
            if let trouble = bench.log.takeNews().trouble { told.append(trouble) }
            usleep(1_000)
        }
        #expect(
            told == ["the access log /dev/full cannot be written: write: No space left on device (ENOSPC)"])
        bench.log.close(withinMillis: 0)
        #expect(bench.log.recordsWritten == 0)
    }
}
