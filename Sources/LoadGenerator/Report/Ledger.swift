import CLinux

/// One side's outcomes of a run, by connection: 16 bytes each, reserved at start and touched only as they are written.
///
/// Several threads write, each its own connections; whoever reads does so when they are done, or bears with an outcome
/// that is not there yet.
package final class Ledger: @unchecked Sendable {
    /// Two million connections, and then a run is over.
    package static let idsMax: UInt64 = 1 << 21

    private let words: UnsafeMutablePointer<UInt64>

    /// Nil where there is no memory.
    package init?() {
        guard let memory = clinux_zeroed(Int(Self.idsMax) * 2, MemoryLayout<UInt64>.stride) else { return nil }
        words = memory.bindMemory(to: UInt64.self, capacity: Int(Self.idsMax) * 2)
    }

    deinit { clinux_free(words) }

    /// False where the connection has an outcome already, which then stays.
    package func record(_ id: UInt64, _ outcome: Outcome) -> Bool {
        precondition(id < Self.idsMax, "Ledger: no such connection")
        let place = words + Int(id) * 2
        guard clinux_look(place) == 0 else { return false }
        let (first, second) = outcome.words
        clinux_publish(place + 1, second)
        clinux_publish(place, first)
        return true
    }

    package subscript(id: UInt64) -> Outcome? {
        guard id < Self.idsMax else { return nil }
        return Outcome(words: rawWords(of: id))
    }

    func rawWords(of id: UInt64) -> (UInt64, UInt64) {
        let place = words + Int(id) * 2
        return (clinux_look(place), clinux_look(place + 1))
    }
}
