/// The rhythm of `--stats`: intervals that do not drift.
struct Statistics {
    private(set) var nextAtMillis: Int64
    private let everyMillis: Int64
    private var before: Totals
    private var beforeAtMillis: Int64

    init(everyMillis: Int64, from totals: Totals, at now: Int64) {
        self.everyMillis = everyMillis
        before = totals
        beforeAtMillis = now
        nextAtMillis = now + everyMillis
    }

    /// What happened since the last interval, nil where this one is not over. Intervals that were missed are one.
    mutating func rates(_ totals: @autoclosure () -> Totals, at now: Int64) -> Rates? {
        guard now >= nextAtMillis else { return nil }
        let after = totals()
        let rates = Rates(from: before, to: after, milliseconds: now - beforeAtMillis)
        before = after
        beforeAtMillis = now
        nextAtMillis += everyMillis * ((now - nextAtMillis) / everyMillis + 1)
        return rates
    }
}
