import LinuxCalls
import Testing

@testable import DataPlane

@Suite("A worker that sends files, answered by script")
struct WorkerFileScriptTests {
    private static let mebibyte: UInt64 = 1 << 20

    @Test("gives back a file that is not in the page cache, and goes on with its other pairs")
    func cold() throws {
        var bench = try ScriptedDesk()
        bench.script.cachedBytes = 0
        let pair = try bench.tie()
        let file = try bench.send(3 * Self.mebibyte, from: 4_096)
        let results = bench.takeResults()
        #expect(results.map(\.place) == [file.place] && results.first?.isCold == true && results.first?.bytesUp == 0)
        #expect(bench.count(.coldFiles) == 1 && bench.count(.takenBack) == 0)

        for turn in 1...50 {
            bench.move(pair, .up, 64)
            #expect(bench.count(.bytesUp) == UInt64(turn) * 64)
        }
        bench.worker.turn()
        #expect(bench.script.waitNanoseconds != 0, "nobody is looked for in vain")
        #expect(bench.script.fileParts == [], "the file is left alone")
        #expect(bench.script.breaches == [])
    }

    @Test("tells how much it has sent before the file was cold, and goes on from where others came to")
    func partlyCold() throws {
        var bench = try ScriptedDesk()
        let length = 8 * Self.mebibyte
        bench.script.cachedBytes = 3 * Self.mebibyte
        let file = try bench.send(length)
        for _ in 0..<10 { bench.worker.turn() }
        let early = bench.takeResults()
        #expect(early.map(\.isCold) == [true] && early.first?.bytesUp == 3 * Self.mebibyte)
        #expect(bench.script.fileParts == [0, 1, 2].map { $0 * Self.mebibyte })

        bench.script.cachedBytes = length
        bench.sendOn(file, length, sentBefore: 5 * Self.mebibyte)
        for _ in 0..<10 { bench.worker.turn() }
        let results = bench.takeResults()
        #expect(results.map(\.end) == [.limit] && results.first?.bytesUp == length && results.first?.isCold == false)
        #expect(bench.script.fileParts == [0, 1, 2, 5, 6, 7].map { $0 * Self.mebibyte })
        #expect(bench.count(.bytesUp) == 6 * Self.mebibyte, "what others have sent is theirs to count")
    }

    @Test("where its socket was full, waits for room before it looks at the file")
    func full() throws {
        var bench = try ScriptedDesk()
        let length = 2 * Self.mebibyte
        bench.script.cachedBytes = 0
        let file = try bench.send(length)
        #expect(bench.takeResults().map(\.isCold) == [true])
        bench.sendOn(file, length, sentBefore: Self.mebibyte, .awaitsRoom)
        for _ in 0..<5 { bench.worker.turn() }
        #expect(bench.takeResults().isEmpty && bench.script.fileParts == [])
        #expect(bench.script.waitNanoseconds != 0, "it sleeps")

        bench.script.cachedBytes = length
        let watch = try #require(bench.script.open.first { $0.intent == .watch })
        bench.script.answer(watch, .watch, PollEvents.writable)
        for _ in 0..<3 { bench.worker.turn() }
        let results = bench.takeResults()
        #expect(results.map(\.end) == [.limit] && results.first?.bytesUp == length)
        #expect(bench.script.fileParts == [Self.mebibyte])
    }

    @Test("taken back when it was given back already, it is not there")
    func takenBack() throws {
        var bench = try ScriptedDesk()
        bench.script.cachedBytes = 0
        let file = try bench.send(Self.mebibyte)
        bench.takeBack(file)
        let results = bench.takeResults()
        #expect(results.map(\.isCold) == [true])
        let active = bench.worker.table.count
        #expect(active == 0 && bench.script.breaches == [])
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
