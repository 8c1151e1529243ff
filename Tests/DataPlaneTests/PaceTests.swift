import Testing

@testable import DataPlane

@Suite("The pace of a lane")
struct PaceTests {
    private static let second: Int64 = 1_000_000_000
    private static let start = 1_000 * second

    @Test("what is moved is owed for as long as the rate says, by each direction for itself")
    func debt() {
        var pace = Pace(bytesPerSecond: 1_000_000, at: Self.start)
        #expect(pace.isDueAt(.up) == Self.start)
        // The beginning lends nothing.
        pace.moved(250_000, .up, at: Self.start)
        #expect(pace.isDueAt(.up) == Self.start + Self.second / 4 && pace.isDueAt(.down) == Self.start)
        pace.moved(250_000, .up, at: Self.start + Self.second / 4)
        #expect(pace.isDueAt(.up) == Self.start + Self.second / 2)
        // Who looks late is ahead by what was missed, up to a tenth of a second.
        pace.moved(100_000, .up, at: Self.start + 10 * Self.second)
        #expect(pace.isDueAt(.up) == Self.start + 10 * Self.second)
    }

    @Test("over a long time it is the rate, however late the looks are")
    func longRun() {
        var pace = Pace(bytesPerSecond: 3_000_000, at: 0)
        var moved: Int64 = 0
        for milli in stride(from: Int64(0), to: 10_000, by: 16) {
            let now = milli * 1_000_000
            while pace.isDueAt(.down) <= now {
                pace.moved(Int32(pace.chainBytesMax), .down, at: now)
                moved += Int64(pace.chainBytesMax)
            }
        }
        #expect(abs(Double(moved) / 30_000_000 - 1) < 0.02)
    }

    @Test("what waits is given back when it is due, and only then")
    func waiting() {
        var pace = Pace(bytesPerSecond: 1_000_000, at: Self.start)
        #expect(pace.dueAtNanos == nil)
        pace.moved(100_000, .up, at: Self.start)
        pace.moved(200_000, .down, at: Self.start)
        pace.wait(for: Step.move.on(.up))
        pace.wait(for: Step.send.on(.down))
        #expect(pace.dueAtNanos == Self.start + Self.second / 10)
        #expect(pace.takeDue(at: Self.start) == [])
        #expect(pace.takeDue(at: Self.start + Self.second / 10) == Step.move.on(.up))
        #expect(pace.dueAtNanos == Self.start + Self.second / 5)
        #expect(pace.takeDue(at: Self.start + Self.second) == Step.send.on(.down))
        #expect(pace.dueAtNanos == nil && pace.waiting.isEmpty)
    }

    @Test("the slowest rate and the largest answer are no trouble")
    func extremes() {
        var pace = Pace(bytesPerSecond: 1024, at: Self.start)
        for _ in 0..<100 { pace.moved(.max, .up, at: Self.start) }
        #expect(pace.isDueAt(.up) > Self.start && pace.chainBytesMax == 16_384)
        #expect(Pace(bytesPerSecond: 1 << 40, at: 0).chainBytesMax > 1 << 30)
    }
}
