import CLinux

/// One worker's place in its group, which must outlive it: plain pointers, so that no reference is counted.
struct Seat: BitwiseCopyable {
    private let own: Int
    private let loads: LoadWords
    private let hatches: UnsafeMutablePointer<InboxHatch<Newcomer>>
    private let shortage: UnsafeMutablePointer<UInt64>
    /// Whom the next look at the others begins behind, so that those of equal load take turns.
    private var lookFrom: Int

    /// Descriptors are the process's. For so long after some worker had none, everybody serves the clients it accepts itself:
    /// only then does each find out by itself that it has to pause (`Worker.relieve`).
    static var shortageMillis: Int64 { 1_000 }

    init(
        own: Int, loads: LoadWords, hatches: UnsafeMutablePointer<InboxHatch<Newcomer>>,
        shortage: UnsafeMutablePointer<UInt64>
    ) {
        self.own = own
        self.loads = loads
        self.hatches = hatches
        self.shortage = shortage
        lookFrom = own
    }

    /// Counts a newcomer for this worker, or hands it to the least loaded one where the load is uneven.
    /// - Parameter mayLeave: false for one that stays in any case.
    /// - Returns: `refused` where it stays here.
    mutating func place(_ newcomer: Newcomer, mayLeave: Bool, at now: Int64) -> InboxHatch<Newcomer>.Offer {
        let load = loads.add(1, to: own)
        guard mayLeave, load > 1, !isShort(at: now), let other = loads.leastOther(than: own, lookingFrom: lookFrom),
            LoadWords.isUneven(own: load, least: other.load)
        else { return .refused }
        // Counted before it is handed over, so that others who look at the same moment do not all choose the same worker.
        guard loads.add(1, to: other.worker) < load else { return takeBack(from: other.worker) }
        let offer = hatches[other.worker].offer(newcomer)
        guard offer != .refused else { return takeBack(from: other.worker) }
        _ = loads.add(-1, to: own)
        lookFrom = other.worker
        return offer
    }

    /// A connection of this worker has ended.
    func leave() { _ = loads.add(-1, to: own) }

    /// A descriptor could not be had.
    func tellShortage(at now: Int64) {
        clinux_publish(shortage, UInt64(bitPattern: now &+ Self.shortageMillis))
    }

    private func isShort(at now: Int64) -> Bool { now < Int64(bitPattern: clinux_look(shortage)) }

    private func takeBack(from other: Int) -> InboxHatch<Newcomer>.Offer {
        _ = loads.add(-1, to: other)
        return .refused
    }

    // MARK: The own inbox

    func open(ringing bell: Int32) { hatches[own].open(ringing: bell) }
    func close() { hatches[own].close() }
    var hasNewcomers: Bool { !hatches[own].isEmpty }
    func take() -> Newcomer? { hatches[own].take() }
}
