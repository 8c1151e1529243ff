import LinuxCalls
import Testing

@testable import DataPlane

@Suite("A worker that sends files, answered by script")
struct WorkerFileScriptTests {
    private static let mebibyte: UInt64 = 1 << 20

    @Test("goes on with its other pairs while a part of a file is read from the disk, and does not ask again")
    func others() throws {
        var bench = try ScriptedDesk()
        bench.script.isCached = false
        let pair = try bench.tie()
        let file = try bench.send(3 * Self.mebibyte, from: 4_096)
        let readings = bench.takeReadings()
        #expect(readings.map(\.offset) == [4_096] && readings.map(\.count) == [256 << 10])

        for turn in 1...50 {
            bench.move(pair, .up, 64)
            bench.move(pair, .down, 64)
            #expect(bench.count(.bytesUp) == UInt64(turn) * 64 && bench.count(.bytesDown) == UInt64(turn) * 64)
            #expect(bench.script.fileParts == [], "the file is left alone")
        }
        #expect(bench.script.coldCarries == 1 && bench.count(.fileReadings) == 1)
        bench.worker.turn()
        #expect(bench.script.waitNanoseconds != 0, "nobody is looked for in vain")

        try bench.answer(#require(readings.first))
        #expect(bench.script.fileParts == [0])
        for _ in 0..<10 {
            for reading in bench.takeReadings() { bench.answer(reading) }
            bench.worker.turn()
        }
        let results = bench.takeResults()
        #expect(results.map(\.place) == [file.place] && results.first?.bytesUp == 3 * Self.mebibyte)
        #expect(bench.script.breaches == [])
    }

    @Test("has a large file read in ever larger parts, each while the one before is sent")
    func parts() throws {
        var bench = try ScriptedDesk()
        bench.script.isCached = false
        let length = 10 * Self.mebibyte
        _ = try bench.send(length)
        var ends: [Int64] = [0]
        for _ in 0..<1_000 where bench.worker.table.count > 0 {
            let readings = bench.takeReadings()
            #expect(readings.count <= 1)
            for reading in readings {
                let sent = Int64(bench.count(.bytesUp))
                #expect(reading.offset == ends.last && reading.offset - sent < 4 << 20)
                ends.append(reading.offset + reading.count)
                // What was read before is sent meanwhile, and no more.
                for _ in 0..<8 { bench.worker.turn() }
                #expect(bench.count(.bytesUp) == UInt64(reading.offset))
                bench.answer(reading)
            }
            bench.worker.turn()
        }
        #expect(ends.map { $0 >> 10 } == [0, 256, 512, 1_024, 2_048, 4_096, 8_192, 10_240])
        let results = bench.takeResults()
        #expect(results.map(\.end) == [.limit] && results.first?.bytesUp == length, "\(results)")
    }

    @Test("taken back while a part is read from the disk, it ends when that is done, and not before")
    func takenBack() throws {
        var bench = try ScriptedDesk()
        bench.script.isCached = false
        let pair = try bench.tie()
        let file = try bench.send(Self.mebibyte)
        let readings = bench.takeReadings()
        let reading = try #require(readings.first)
        bench.takeBack(file)
        for _ in 0..<4 { bench.move(pair, .up, 10) }
        let early = bench.takeResults().count
        #expect(early == 0, "its reader still has the file")
        bench.answer(reading)
        let results = bench.takeResults()
        #expect(results.map(\.place) == [file.place] && results.first?.end == .takenBack)
        #expect(bench.script.fileParts == [] && bench.count(.bytesUp) == 40)
        // Its late answer is for nobody, also not for who has its place now.
        bench.answer(reading)
        let active = bench.worker.table.count
        #expect(active == 1)
    }

    @Test("reads no further than a few megabytes ahead of a slow client")
    func slowly() throws {
        var bench = try ScriptedDesk()
        bench.script.isCached = false
        bench.script.filePartBytes = 64 << 10
        _ = try bench.send(40 * Self.mebibyte)
        var readUpTo: Int64 = 0
        for _ in 0..<2_000 where bench.worker.table.count > 0 {
            for reading in bench.takeReadings() {
                #expect(reading.offset == readUpTo && reading.offset - Int64(bench.count(.bytesUp)) < 4 << 20)
                readUpTo = reading.offset + reading.count
                bench.answer(reading)
            }
            bench.worker.turn()
        }
        let results = bench.takeResults()
        #expect(results.map(\.bytesUp) == [40 * Self.mebibyte] && readUpTo == 40 << 20)
    }

    @Test("reads nothing ahead that is in the page cache")
    func partlyCold() throws {
        var bench = try ScriptedDesk()
        bench.script.isCached = false
        _ = try bench.send(8 * Self.mebibyte)
        bench.script.isCached = true
        try bench.answer(#require(bench.takeReadings().first))
        for _ in 0..<20 { bench.worker.turn() }
        let results = bench.takeResults()
        #expect(results.map(\.bytesUp) == [8 * Self.mebibyte] && bench.count(.fileReadings) == 1)
    }

    @Test("taken back while the next part is read, it ends when that is done")
    func takenBackAmidReading() throws {
        var bench = try ScriptedDesk()
        bench.script.isCached = false
        let file = try bench.send(Self.mebibyte)
        try bench.answer(#require(bench.takeReadings().first))
        let ahead = try #require(bench.takeReadings().first)
        #expect(ahead.offset == 256 << 10 && bench.count(.bytesUp) == 256 << 10)
        bench.takeBack(file)
        for _ in 0..<4 { bench.worker.turn() }
        let early = bench.takeResults().count
        #expect(early == 0, "its reader still has the file")
        bench.answer(ahead)
        let results = bench.takeResults()
        #expect(results.map(\.end) == [.takenBack] && results.first?.bytesUp == 256 << 10)
    }

    @Test("a file that ends too early ends it, with what was sent")
    func cutShort() throws {
        var bench = try ScriptedDesk()
        bench.script.fileEnd = 1_000
        _ = try bench.send(2 * Self.mebibyte)
        for _ in 0..<3 { bench.worker.turn() }
        let results = bench.takeResults()
        let result = try #require(results.first)
        #expect(result.isCutShort && result.bytesUp == 1_000 && result.failure == 0)
    }
}
