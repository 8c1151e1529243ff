import TestSupport
import Testing

@testable import DataPlane

@Suite("A traffic gauge")
struct TrafficGaugeTests {
    /// 256 KiB prove bulk here, whatever the default is.
    let rules: RelayRules = {
        var rules = RelayRules()
        rules.bulkBytes = 262_144
        return rules
    }()

    /// So many receives of `bytes`, one right after the other. Returns the number of the one that proved bulk.
    private func receive(
        _ count: Int, of bytes: Int32, leavingMore: Bool = false, pauseMillis: Int64 = 0, _ gauge: inout TrafficGauge
    ) -> Int? {
        for number in 1...count {
            let isBulk = gauge.received(bytes, leavesMore: leavingMore, pauseMillis: pauseMillis, rules)
            if isBulk { return number }
        }
        return nil
    }

    @Test("sees bulk in a run of large receives, at the very byte")
    func run() {
        var gauge = TrafficGauge()
        #expect(receive(100, of: 16_384, &gauge) == 16)
        var short = TrafficGauge()
        #expect(receive(1, of: Int32(rules.bulkBytes) - 1, &short) == nil)
        #expect(receive(1, of: rules.bulkReceiveBytesMin, &short) == 1)
    }

    @Test("sees no bulk in small receives that leave nothing behind, however many")
    func small() {
        var gauge = TrafficGauge()
        #expect(receive(10_000, of: rules.bulkReceiveBytesMin - 1, &gauge) == nil)
    }

    @Test("lets a small receive that empties the source end a run")
    func smallEnds() {
        var gauge = TrafficGauge()
        #expect(receive(15, of: 16_384, &gauge) == nil)
        #expect(receive(1, of: 100, &gauge) == nil)
        #expect(receive(15, of: 16_384, &gauge) == nil)
        #expect(receive(1, of: 16_384, &gauge) == 1)
    }

    @Test("counts small receives that leave more behind: there the sender is ahead")
    func backlog() {
        var gauge = TrafficGauge()
        #expect(receive(1_000, of: 1_024, leavingMore: true, &gauge) == 256)
    }

    @Test("sees a backlog through pauses and answers, until the source is empty once")
    func backlogEnds() {
        var gauge = TrafficGauge()
        for _ in 0..<127 {
            #expect(receive(1, of: 1_024, leavingMore: true, pauseMillis: 1_000, &gauge) == nil)
            gauge.turned()
        }
        var other = gauge
        #expect(receive(1, of: 1_024, leavingMore: false, &other) == nil)
        #expect(receive(128, of: 1_024, leavingMore: true, pauseMillis: 1_000, &other) == nil)
        #expect(receive(1_000, of: 1_024, leavingMore: true, pauseMillis: 1_000, &gauge) == 129)
    }

    @Test("lets a pause end a run, and less than a pause not")
    func pause() {
        var gauge = TrafficGauge()
        #expect(receive(1_000, of: 16_384, pauseMillis: rules.pauseMillis, &gauge) == nil)
        #expect(receive(1_000, of: 16_384, pauseMillis: rules.pauseMillis - 1, &gauge) != nil)
    }

    @Test("lets the other side's word end a run: large messages that are answered are no bulk")
    func turned() {
        var gauge = TrafficGauge()
        for _ in 0..<1_000 {
            #expect(receive(15, of: 16_384, &gauge) == nil)
            gauge.turned()
        }
    }

    @Test("does not take the other side's word for an answer while more is waiting: both speak at once")
    func bothSpeak() {
        var gauge = TrafficGauge()
        var proved: Int?
        for number in 1...100 where proved == nil {
            gauge.turned()
            if receive(1, of: 16_384, leavingMore: true, &gauge) != nil { proved = number }
        }
        #expect(proved == 16)
    }

    @Test("begins anew after a promotion")
    func promoted() {
        var gauge = TrafficGauge()
        #expect(receive(16, of: 16_384, &gauge) == 16)
        gauge.promoted(at: 0)
        #expect(receive(15, of: 16_384, &gauge) == nil)
        #expect(receive(1, of: 16_384, &gauge) == 1)
    }

    @Test("has enough of small fills when so many come in a row")
    func smallFills() {
        var gauge = TrafficGauge()
        let small = rules.fillBytesMin - 1
        for _ in 0..<10 {
            for _ in 1..<rules.smallFillsMax {
                let isEnough = gauge.filled(small, rules)
                #expect(!isEnough)
            }
            let isEnough = gauge.filled(rules.fillBytesMin, rules)
            #expect(!isEnough)
        }
        let last = (0..<rules.smallFillsMax).map { _ in gauge.filled(small, rules) }
        #expect(last == [false, false, false, true])
    }

    @Test("asks for twice as much after each promotion that came too early, up to a bound")
    func doubt() {
        var gauge = TrafficGauge()
        var asked: [Int?] = []
        for _ in 0..<9 {
            asked.append(receive(5_000, of: 16_384, &gauge))
            gauge.promoted(at: 0)
            gauge.demoted(at: 100_000)
        }
        #expect(asked == [16, 32, 64, 128, 256, 512, 1_024, 1_024, 1_024])
    }

    @Test("trusts again after a promotion that was worth it")
    func trust() {
        var gauge = TrafficGauge()
        for _ in 0..<3 {
            gauge.promoted(at: 0)
            gauge.demoted(at: 0)
        }
        var early = gauge
        early.promoted(at: 10 << 20)
        early.demoted(at: (14 << 20) - 65_536)
        #expect(receive(5_000, of: 16_384, &early) == 256)
        gauge.promoted(at: 10 << 20)
        gauge.demoted(at: 14 << 20)
        #expect(receive(5_000, of: 16_384, &gauge) == 16)
    }

    @Test("judges a promotion after any number of bytes, even where their count in its units wraps")
    func farAlong() {
        let wrap = UInt64(1) << 48
        var gauge = TrafficGauge()
        gauge.promoted(at: wrap - 65_536)
        gauge.demoted(at: wrap + (8 << 20))
        #expect(receive(5_000, of: 16_384, &gauge) == 16)
        gauge.promoted(at: .max)
        gauge.demoted(at: .max)
        #expect(receive(5_000, of: 16_384, &gauge) == 32)
    }

    @Test("does not run over at the extremes")
    func extremes() {
        var gauge = TrafficGauge()
        var isBulk = false
        for _ in 0..<100 { isBulk = gauge.received(.max, leavesMore: true, pauseMillis: 0, rules) }
        #expect(isBulk)
        // Neither a failed receive nor an endless pause counts for anything.
        var idle = TrafficGauge()
        isBulk = idle.received(.min, leavesMore: true, pauseMillis: .max, rules)
        #expect(!isBulk)
        var small = TrafficGauge()
        var isEnough = false
        for _ in 0..<1_000 { isEnough = small.filled(0, rules) }
        #expect(isEnough)
    }
}
