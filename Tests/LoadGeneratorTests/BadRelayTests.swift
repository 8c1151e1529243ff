import LinuxCalls
import Testing

@testable import LoadGenerator

/// What proves the instrument: each fault of a relay is found, and called by its name.
@Suite("A run through a relay", .serialized)
struct BadRelayTests {
    private func kinds(_ report: RunReport) -> Set<Violation.Kind> { Set(report.violations.map(\.kind)) }

    @Test("that does as it should is fine, with every ending", arguments: Ending.allCases)
    func good(ending: Ending) throws {
        let report = try TestRun.few(ending, through: .none, patienceMillis: ending == .silence ? 500 : 20_000)
        #expect(report.isOK && report.violations.isEmpty, "\(report.violations), \(report.peerTrouble ?? "")")
        #expect(report.reconciledCount == 4)
    }

    @Test("that drops a byte is told by the byte's place")
    func dropped() throws {
        let report = try TestRun.few(.both, through: .dropByte(at: 5000))
        #expect(!report.isOK && kinds(report) == [.lostBytes])
        #expect(Set(report.violations.map(\.id)) == [0, 1, 2, 3])
        for violation in report.violations {
            #expect(violation.side == .peer && violation.direction == .up)
            #expect((5000...5002).contains(violation.offset), "\(violation)")
            #expect(violation.origin?.offset == violation.offset + 1)
        }
    }

    @Test("that repeats a byte is told by the byte's place")
    func repeated() throws {
        let report = try TestRun.few(.finLate, through: .repeatByte(at: 7777))
        #expect(!report.isOK && kinds(report) == [.repeatedBytes] && report.violations.count == 4)
        #expect(report.violations.allSatisfy { (7777...7780).contains($0.offset) && $0.side == .peer })
    }

    @Test("that changes a bit is told by the byte, what it was and what it should have been")
    func flipped() throws {
        let report = try TestRun.few(.finEarly, through: .flipBit(at: 12_345))
        #expect(!report.isOK && kinds(report) == [.corruptBytes] && report.violations.count == 4)
        for violation in report.violations {
            let key = StreamKey(seed: 77, id: violation.id, direction: .up)
            #expect(violation.offset == 12_345 && violation.expected == key.byte(at: 12_345))
            #expect(violation.got == violation.expected ^ 4)
        }
    }

    @Test("that mixes two connections up is told which bytes belong where")
    func swapped() throws {
        let report = try TestRun.run(.ledger, through: .swapConnections(at: 3000)) { settings in
            settings.recipe.mix = Mix([.both: 1])
            (settings.recipe.size, settings.recipe.isExact) = (20_000, true)
            (settings.connections, settings.total) = (2, 2)
        }
        #expect(!report.isOK && kinds(report) == [.foreignBytes] && report.violations.count == 2)
        for violation in report.violations {
            #expect((3000...3002).contains(violation.offset))
            #expect(violation.origin == StreamPlace(id: 1 - violation.id, direction: .up, offset: violation.offset))
        }
    }

    @Test("that adds a byte at the end is told")
    func added() throws {
        let report = try TestRun.few(.both, through: .extraByte)
        #expect(!report.isOK && kinds(report) == [.extraBytes] && report.violations.count == 4)
        #expect(report.violations.allSatisfy { $0.offset == 20_000 && $0.got == 0x55 })
    }

    @Test("that ends a stream early is told where")
    func ended() throws {
        let report = try TestRun.few(.both, through: .finAt(9000))
        #expect(!report.isOK && kinds(report) == [.missingBytes] && report.violations.count == 4)
        #expect(report.violations.allSatisfy { $0.offset == 9000 && $0.side == .peer })
    }

    @Test("that resets of its own accord is told")
    func cut() throws {
        let report = try TestRun.few(.both, through: .resetAt(9000))
        #expect(!report.isOK && kinds(report).contains(.bytesLostAtReset))
        #expect(Set(report.violations.map(\.id)) == [0, 1, 2, 3])
    }

    @Test(
        "that turns RST into FIN is told, or counted where that was asked for",
        arguments: [Ending.resetIdle, .resetMid])
    func resetBecameFin(ending: Ending) throws {
        let strict = try TestRun.few(ending, through: .resetBecomesFin)
        #expect(!strict.isOK && kinds(strict) == [.finInsteadOfReset])
        let lenient = try TestRun.run(.ledger, through: .resetBecomesFin) { settings in
            settings.recipe.mix = Mix([ending: 1])
            settings.recipe.size = 20_000
            settings.isLenientAboutReset = true
            (settings.connections, settings.total) = (4, 8)
        }
        #expect(lenient.isOK && lenient.resetsBecameFin > 0, "\(lenient.violations)")
    }

    @Test("that turns FIN into RST is told")
    func finBecameReset() throws {
        let report = try TestRun.few(.finLate, through: .finBecomesReset)
        #expect(!report.isOK)
        #expect(!kinds(report).isEmpty && kinds(report).isSubset(of: [.resetInsteadOfFin, .bytesLostAtReset]))
    }

    @Test("that forgets the half-close is told, and not as if somebody were merely slow")
    func halfCloseForgotten() throws {
        let report = try TestRun.few(.finEarly, through: .forgetsHalfClose, patienceMillis: 1_000)
        #expect(!report.isOK && kinds(report).contains(.halfCloseForgotten))
        #expect(kinds(report).isSubset(of: [.halfCloseForgotten, .stuck]))
    }

    @Test("that closes both ways at the first FIN is told that bytes are missing")
    func halfCloseClosedBoth() throws {
        let report = try TestRun.few(.finEarly, through: .halfCloseClosesBoth)
        #expect(!report.isOK)
        #expect(!kinds(report).isDisjoint(with: [.missingBytes, .bytesLostAtReset]), "\(report.violations)")
    }

    @Test("that swallows RST is told that the other side was left hanging")
    func resetSwallowed() throws {
        let report = try TestRun.few(.resetMid, through: .swallowsReset, patienceMillis: 500)
        #expect(!report.isOK && kinds(report) == [.stuck] && report.violations.count == 4)
    }

    @Test("that resets behind a FIN is told")
    func finThenReset() throws {
        // The half that follows FIN is more than all buffers on its way hold, so that its sender is still there.
        let report = try TestRun.few(.finEarly, through: .finThenReset(after: 24 << 20), size: 48 << 20, count: 1)
        #expect(!report.isOK && kinds(report).contains(.resetAfterFin), "\(report.violations)")
    }

    @Test("that has no upstream is told")
    func refused() throws {
        let report = try TestRun.few(.both, through: .refuses, patienceMillis: 500)
        #expect(!report.isOK && report.peerTrouble != nil && report.violationCount == 4)
    }
}
