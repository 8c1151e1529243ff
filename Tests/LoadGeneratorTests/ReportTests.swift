import Testing

@testable import LoadGenerator

@Suite("A report")
struct ReportTests {
    private func record() throws -> RunRecord {
        let record = try #require(RunRecord(seed: 7, run: 1))
        for id: UInt64 in 0..<40 where id % 3 != 0 {
            record.opened(id)
            #expect(record.ended(id, outcome(id)))
        }
        var violation = Violation(.foreignBytes, id: 4, side: .peer, direction: .up)
        violation.origin = StreamPlace(id: 5, direction: .down, offset: 1 << 35)
        (violation.offset, violation.expected, violation.got) = (99, 1, 2)
        violation.errno = 104
        record.add(violation)
        return record
    }

    private func outcome(_ id: UInt64) -> Outcome {
        var outcome = Outcome()
        outcome.received = id << 36
        outcome.sent = id << 30
        outcome.end = Outcome.End.allCases[Int(id % 5)]
        outcome.own = Outcome.Own.allCases[Int(id % 4)]
        (outcome.isDamaged, outcome.isStuck) = (id % 2 == 0, id % 5 == 0)
        (outcome.isUnconnected, outcome.isLocal) = (id % 7 == 0, id % 3 == 1)
        return outcome
    }

    private func encoded(_ record: RunRecord) -> [UInt8] {
        PeerReport(record, seed: 7, instance: 3, boards: []).encoded(record.ledger)
    }

    @Test("gives every outcome and violation as it was")
    func roundTrip() throws {
        let record = try record()
        let read = try #require(PeerReport(encoded(record)))
        #expect(read.instance == 3 && read.seed == 7 && read.openCount == 0 && read.idsEnd == record.idsEnd)
        for id: UInt64 in 0..<50 { #expect(read.outcome(of: id) == (id < 40 && id % 3 != 0 ? outcome(id) : nil)) }
        #expect(read.violations == record.violations.first && read.violations.count == 1)
        #expect(read.violationCounts == record.violations.counts)
    }

    @Test("is refused when any of it is missing or changed, and never traps")
    func mutations() throws {
        let whole = encoded(try record())
        for count in 0..<whole.count { #expect(PeerReport(Array(whole[..<count])) == nil) }
        var draw = Draw(seed: 3)
        for _ in 0..<3000 {
            var changed = whole
            let index = Int(draw.below(UInt64(whole.count)))
            changed[index] ^= UInt8(draw.within(1...255))
            #expect(PeerReport(changed) == nil)
        }
    }

    @Test("keeps a connection's first outcome when it is seen twice")
    func seenTwice() throws {
        let record = try record()
        record.opened(1)
        #expect(!record.ended(1, outcome(2)))
        #expect(record.ledger[1] == outcome(1))
    }

    @Test("counts all violations of a kind and keeps the first hundred")
    func manyViolations() throws {
        let record = try #require(RunRecord(seed: 7, run: 1))
        for id: UInt64 in 0..<250 { record.add(Violation(.stuck, id: id, side: .peer, direction: .up)) }
        #expect(record.violations.first.count == 100)
        #expect(record.violations.counts[Int(Violation.Kind.stuck.rawValue)] == 250)
    }

    @Test("as JSON escapes what JSON wants escaped")
    func json() {
        var json = JSONText()
        json.object { json in
            json.field("a\"b\\\n", "é\u{1}")
            json.array("list") { for number in 0..<3 { $0.field(nil, number) } }
            json.field("infinite", Double.infinity)
            json.object("inner") { $0.field("x", true) }
            json.null("none")
        }
        #expect(
            json.text
                == #"{"a\"b\\\u000a":"é\u0001","list":[0,1,2],"infinite":null,"inner":{"x":true},"none":null}"#)
    }
}
