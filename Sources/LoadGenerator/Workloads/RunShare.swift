/// One thread's part of a run.
struct RunShare: Sendable {
    /// Tells this run from others with its seed.
    let run: UInt64
    let index: UInt64
    let threads: UInt64
    /// Connections this thread opens in all, and at a time.
    let total: UInt64
    let connections: Int
    /// Nanoseconds between two opens of this thread, nil for as fast as it goes.
    let openInterval: Double?
    /// How much later than the first thread's its own opens are due.
    let phase: Int64
    /// Nanoseconds between two requests of one connection.
    let requestInterval: Int64

    init(_ settings: RunSettings, run: UInt64, index: Int) {
        self.run = run
        let count = settings.threads
        self.index = UInt64(index)
        threads = UInt64(count)
        total = Self.part(settings.openTotal, index, count)
        connections = max(1, Int(Self.part(UInt64(settings.connections), index, count)))
        requestInterval = settings.requestIntervalNanoseconds
        let isOpening = settings.recipe.workload == .ledger || settings.recipe.workload == .churn
        if isOpening, let rate = settings.rate, rate > 0 {
            openInterval = 1e9 * Double(count) / rate
            phase = Int64(1e9 * Double(index) / rate)
        } else {
            (openInterval, phase) = (nil, 0)
        }
    }

    /// The number of the thread's `count`th connection.
    func id(_ count: UInt64) -> UInt64 { count * threads + index }

    private static func part(_ whole: UInt64, _ index: Int, _ count: Int) -> UInt64 {
        whole / UInt64(count) + (UInt64(index) < whole % UInt64(count) ? 1 : 0)
    }
}
