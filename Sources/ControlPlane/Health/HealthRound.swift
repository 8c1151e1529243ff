/// Whose check is next: the servers of a pool one after the other, spread evenly over its interval.
struct HealthRound {
    private let servers: Int64
    private let intervalMillis: Int64
    private let startMillis: Int64
    /// Checks that were due so far.
    private var turns: Int64 = 0

    /// - Parameters:
    ///   - servers: one at least.
    ///   - start: when the first one is due, in milliseconds of the monotonic clock.
    init(servers: Int, intervalMillis: Int64, startingAt start: Int64) {
        precondition(servers > 0 && intervalMillis > 0, "HealthRound: nobody to check, or without end")
        self.servers = Int64(servers)
        self.intervalMillis = intervalMillis
        startMillis = start
    }

    /// When the next check is due.
    var dueMillis: Int64 { startMillis + turns * intervalMillis / servers }

    /// The place of a server whose check is due, nil where none is. Whole rounds that were missed are not made up for.
    mutating func next(at now: Int64) -> Int? {
        guard dueMillis <= now else { return nil }
        turns += (now - dueMillis) / intervalMillis * servers
        defer { turns += 1 }
        return Int(turns % servers)
    }
}
