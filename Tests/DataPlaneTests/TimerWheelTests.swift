import Testing

@testable import DataPlane

@Suite("The timer wheel")
struct TimerWheelTests {
    /// Runs the clock and notes when each slot came out.
    private func outcomes(of deadlines: [Int64], startingAt start: Int64, step: Int64, until end: Int64)
        -> [Int64?]
    {
        var table = KnotTable(capacity: deadlines.count)
        var wheel = TimerWheel(startingAt: start)
        var out = [Int64?](repeating: nil, count: deadlines.count)
        for deadline in deadlines {
            guard let slot = table.acquire() else { continue }
            wheel.schedule(slot, at: deadline, in: table)
        }
        var now = start
        while now <= end {
            while let slot = wheel.next(at: now, in: table) {
                // Too far out for the wheel: it came to be asked, and goes in again, as the worker does it.
                let deadline = deadlines[Int(slot)]
                if now < deadline { wheel.schedule(slot, at: deadline, in: table) } else { out[Int(slot)] = now }
            }
            now += step
        }
        return out
    }

    @Test(
        "is never early and at most two ticks late",
        arguments: [0, 7, 1_000_003, 2_147_483_000, 4_294_967_000] as [Int64])
    func punctual(start: Int64) {
        var deadlines: [Int64] = [
            0, 1, 15, 16, 17, 100, 4_000, 4_095, 4_096, 4_097, 8_192, 60_000, 1_040_000, 1_048_576,
        ]
        deadlines += (0..<200).map { Int64($0) * 5_557 }
        let out = outcomes(of: deadlines.map { $0 + start }, startingAt: start, step: 5, until: start + 1_200_000)
        for (deadline, came) in zip(deadlines, out) {
            guard let came else {
                Issue.record("deadline \(deadline) never came")
                continue
            }
            #expect(came - start >= deadline)
            #expect(came - start <= deadline + 2 * TimerWheel.tickMillis + 5)
        }
    }

    @Test("keeps a deadline of hours, over which it wraps many times")
    func hours() throws {
        let out = outcomes(of: [3_600_000 * 5], startingAt: 12_345, step: 1_000, until: 12_345 + 3_600_000 * 5)
        let came = try #require(out[0])
        #expect(came >= 3_600_000 * 5)
    }

    @Test("survives a jump of the clock, as after a suspend")
    func jump() {
        let out = outcomes(of: [50, 5_000, 500_000], startingAt: 0, step: 86_400_000, until: 86_400_000)
        #expect(out == [86_400_000, 86_400_000, 86_400_000])
    }

    @Test("tells how long nothing is due, and never oversleeps")
    func sleep() throws {
        var table = KnotTable(capacity: 4)
        var wheel = TimerWheel(startingAt: 1_000)
        let idle = wheel.millisUntilNext(at: 1_000)
        #expect(idle == nil)
        for deadline in [1_500, 20_000, 900_000] as [Int64] {
            let made = table.acquire()
            let slot = try #require(made)
            wheel.schedule(slot, at: deadline, in: table)
        }
        var now: Int64 = 1_000
        var came: [Int64] = []
        var looks = 0
        while let wait = wheel.millisUntilNext(at: now) {
            now += max(wait, 1)
            looks += 1
            while wheel.next(at: now, in: table) != nil { came.append(now) }
        }
        #expect(came.count == 3 && looks < 20)
        for (deadline, at) in zip([1_500, 20_000, 900_000] as [Int64], came) {
            #expect(at >= deadline && at <= deadline + 2 * TimerWheel.tickMillis)
        }
    }

    @Test("forgets what is removed, from anywhere in a list")
    func remove() {
        var table = KnotTable(capacity: 3)
        var wheel = TimerWheel(startingAt: 0)
        for slot in 0..<3 as Range<UInt32> {
            _ = table.acquire()
            wheel.schedule(slot, at: 100, in: table)
        }
        wheel.remove(1, from: table)
        wheel.remove(1, from: table)
        var came: Set<UInt32> = []
        while let slot = wheel.next(at: 200, in: table) { came.insert(slot) }
        let left = wheel.count
        #expect(came == [0, 2] && left == 0)
    }
}
