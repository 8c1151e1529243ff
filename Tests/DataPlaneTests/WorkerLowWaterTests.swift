import LinuxCalls
import Testing

@testable import DataPlane

/// The three points at which a wait for more (SO_RCVLOWAT) went on for too long once.
@Suite("A wait for more ends")
struct WorkerLowWaterTests {
    /// So long that the time which really passes meanwhile is nothing beside it.
    private static let patience: Int64 = 80_000
    private static let step: Int64 = 10_000

    /// The first chain of a lane raises its source's mark.
    private func bench(lanesMin: Int = 1) throws -> ScriptedDesk {
        try ScriptedDesk {
            $0.relay.lowWaterBytesMin = 1
            $0.relay.lowWaterRunBytes = 1
            $0.relay.lowWaterWindowMillis = 0
            $0.relay.lowWaterLanesMin = lanesMin
            $0.relay.lowWaterPatienceMillis = Self.patience
        }
    }

    private func lower(_ socket: Int32) -> Script.LowWater { Script.LowWater(socket: socket, bytes: 1) }

    @Test("when its time is up, however often the worker has been woken for others meanwhile")
    func bound() throws {
        var bench = try bench()
        let pair = try bench.tie()
        bench.move(pair, .down, 100_000)
        #expect(bench.script.lowWaters == [Script.LowWater(socket: pair.second, bytes: 200_000)])
        bench.script.millisPerTurn = Self.step
        // A turn sleeps by the time of the one before it.
        for turn in 0..<Self.patience / Self.step {
            bench.worker.turn()
            let left = (Self.patience - turn * Self.step) * 1_000_000
            let slept = bench.script.waitNanoseconds
            #expect(slept > left - Self.step * 1_000_000 && slept <= left, "turn \(turn)")
            let isLast = turn == Self.patience / Self.step - 1
            #expect(isLast || bench.script.lowWaters.count == 1, "lowered too early, at turn \(turn)")
        }
        #expect(bench.script.lowWaters.last == lower(pair.second))
        #expect(bench.count(.lowWaterRaised) == 1 && bench.count(.lowWaterWaits) == 1)
        bench.worker.turn()
        bench.worker.turn()
        let slept = bench.script.waitNanoseconds
        #expect(slept < 0 || slept > 2 * Self.patience * 1_000_000, "nobody waits for more any longer")
    }

    @Test("when the other side answers, also where its answer is spliced", arguments: Direction.allCases)
    func answered(direction: Direction) throws {
        var bench = try bench()
        let pair = try bench.tie()
        let source = direction == .up ? pair.first : pair.second
        bench.move(pair, direction, 100_000)
        #expect(bench.script.lowWaters == [Script.LowWater(socket: source, bytes: 200_000)])
        // What the answer itself raises is its own source's.
        bench.move(pair, direction.opposite, 10)
        #expect(bench.script.lowWaters.contains(lower(source)))
        #expect(bench.count(.lowWaterWaits) == 0, "it was no wait in vain")
    }

    @Test("when the lanes that it was for have gone")
    func alone() throws {
        var bench = try bench(lanesMin: 2)
        let pair = try bench.tie()
        let other = try bench.tie()
        bench.move(pair, .down, 100_000)
        #expect(bench.script.lowWaters == [], "alone, nobody waits")
        bench.move(other, .down, 1_000)
        bench.move(pair, .down, 100_000)
        #expect(bench.script.lowWaters.map(\.socket).contains(pair.second))
        let isLowered = bench.script.lowWaters.contains(lower(pair.second))
        #expect(!isLowered)
        bench.takeBack(other)
        bench.worker.turn()
        bench.move(pair, .down, 100_000)
        #expect(bench.script.lowWaters.last == lower(pair.second))
    }

    @Test("with its lane")
    func takenBack() throws {
        var bench = try bench()
        let pair = try bench.tie()
        bench.move(pair, .down, 100_000)
        bench.takeBack(pair)
        bench.worker.turn()
        let results = bench.takeResults()
        #expect(results.map(\.end) == [.takenBack])
        #expect(bench.script.lowWaters.last == lower(pair.second))
    }

    @Test("but not by its time while its bytes wait for a full sink")
    func blocked() throws {
        var bench = try bench()
        let pair = try bench.tie()
        bench.move(pair, .down, 100_000)
        try bench.script.answer(bench.wanted(pair, .down), fill: 500, drain: 100)
        bench.worker.turn()
        bench.script.millisPerTurn = Self.step
        for _ in 0..<3 * Self.patience / Self.step { bench.worker.turn() }
        #expect(bench.script.lowWaters.count == 1 && bench.count(.lowWaterWaits) == 0)
    }
}
