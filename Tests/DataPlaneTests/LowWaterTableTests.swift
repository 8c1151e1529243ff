import Testing

@testable import DataPlane

@Suite("Low-water marks of bulk")
struct LowWaterTableTests {
    /// Looked at after every 8 ms, from 4 MiB on, between 256 and 512 KiB.
    private let rules: RelayRules = {
        var rules = RelayRules()
        rules.lowWaterRunBytes = 4 << 20
        rules.lowWaterBytesMin = 256 << 10
        rules.lowWaterBytesMax = 512 << 10
        rules.lowWaterWindowMillis = 8
        return rules
    }()

    /// One direction that moves chains of `bytes`, so many in each millisecond, and what its mark was raised to.
    private func move(
        _ table: inout LowWaterTable, _ index: UInt8, _ bytes: Int32, perMilli: Int, millis: Range<Int64>
    ) -> [Int32] {
        var marks: [Int32] = []
        for now in millis {
            for _ in 0..<perMilli {
                let mark = table.moved(bytes, index, at: now, rules)
                if mark > 0 { marks.append(mark) }
            }
        }
        return marks
    }

    @Test("raises the mark, once, to what comes in two milliseconds, within bounds")
    func raises() {
        var table = LowWaterTable()
        let fast = table.add(1, .down, source: 5, at: 0)
        let faster = table.add(2, .down, source: 6, at: 0)
        let slow = table.add(3, .down, source: 7, at: 0)
        let whole = table.add(4, .down, source: 8, at: 0)
        let marks = move(&table, fast, 50_000, perMilli: 4, millis: 1..<100)
        #expect(marks.count == 1 && (300_000...450_000).contains(marks[0]))
        #expect(move(&table, faster, 100_000, perMilli: 10, millis: 1..<100) == [512 << 10])
        #expect(move(&table, slow, 50_000, perMilli: 2, millis: 1..<1_000) == [])
        #expect(move(&table, whole, 700_000, perMilli: 2, millis: 1..<100) == [], "its chains are large enough")
        #expect(table.raised == 2)
    }

    @Test("does so only after enough has been moved one way, and lowers it when the other direction speaks")
    func turns() {
        var table = LowWaterTable()
        let index = table.add(1, .down, source: 5, at: 0)
        #expect(move(&table, index, 50_000, perMilli: 4, millis: 1..<17) == [])
        let wasLow = table.turned(index)
        #expect(!wasLow)
        #expect(move(&table, index, 50_000, perMilli: 4, millis: 17..<33) == [], "the count begins anew")
        #expect(move(&table, index, 50_000, perMilli: 4, millis: 33..<50).count == 1)
        let mustLower = table.turned(index)
        #expect(mustLower && table.raised == 0)
        let again = table.turned(index)
        #expect(!again)
    }

    @Test("doubles what has to be moved each time the wait was in vain")
    func doubt() {
        var table = LowWaterTable()
        let index = table.add(1, .down, source: 5, at: 0)
        var lasted: [Int64] = []
        var start: Int64 = 1
        for _ in 0..<4 {
            var now = start
            while move(&table, index, 50_000, perMilli: 4, millis: now..<now + 1).isEmpty { now += 1 }
            table.waitedInVain(index)
            lasted.append(now - start)
            start = now + 1
        }
        #expect(table.raised == 0)
        for (before, after) in zip(lasted, lasted.dropFirst()) { #expect(after > before * 3 / 2, "\(lasted)") }
    }

    @Test("has room for as many as it says, and takes the next one in when one has left")
    func room() {
        var table = LowWaterTable()
        var indices: [UInt8] = []
        for slot in 0..<UInt32(LowWaterTable.capacity) { indices.append(table.add(slot, .up, source: 3, at: 0)) }
        #expect(Set(indices).count == LowWaterTable.capacity && !indices.contains(LowWaterTable.none))
        #expect(table.add(99, .up, source: 3, at: 0) == LowWaterTable.none)
        #expect(move(&table, LowWaterTable.none, 50_000, perMilli: 9, millis: 1..<100) == [])
        _ = move(&table, indices[7], 50_000, perMilli: 9, millis: 1..<100)
        #expect(table.raised == 1)
        let mustLower = table.remove(indices[7])
        #expect(mustLower && table.raised == 0)
        #expect(table.add(99, .up, source: 3, at: 0) == indices[7])
        #expect(table[indices[7]]?.slot == 99 && table[indices[7]]?.isRaised == false)
    }
}
