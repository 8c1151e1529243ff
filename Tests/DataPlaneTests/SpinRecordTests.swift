import Testing

@testable import DataPlane

@Suite("The record of spins")
struct SpinRecordTests {
    /// Spins in vain until it is not worthwhile any more.
    private func vainSpins(_ record: inout SpinRecord) -> Int {
        var count = 0
        while record.isWorthwhile && count < 100 {
            record.wasInVain()
            count += 1
        }
        return count
    }

    @Test("begins without a spin, until a sleep was too short to be worth it")
    func begins() {
        var record = SpinRecord()
        #expect(!record.isWorthwhile)
        record.wouldHavePaid()
        #expect(record.isWorthwhile)
        #expect(vainSpins(&record) == 1)
    }

    @Test("spins on through a few vain ones after one that has paid, and then no more")
    func pays() {
        var record = SpinRecord()
        record.hasPaid()
        #expect(vainSpins(&record) == 4)
        #expect(!record.isWorthwhile)
    }

    @Test("forgets: a long time of success is worth no more than one")
    func bounded() {
        var record = SpinRecord()
        for _ in 0..<1_000 {
            record.hasPaid()
            record.wouldHavePaid()
        }
        #expect(vainSpins(&record) == 4)
        for _ in 0..<1_000 { record.wasInVain() }
        record.wouldHavePaid()
        #expect(record.isWorthwhile, "a long time of failure neither")
    }
}
