import DataPlane

/// How a drain grows more urgent: at its timeout what is left is cut, and two seconds later nobody is waited for.
struct Drain {
    private let cutAtMillis: Int64
    private let stopAtMillis: Int64
    private var given = WorkerControl.Order.drain

    static let graceMillis: Int64 = 2_000

    init(startedAtMillis: Int64, timeoutMillis: Int64) {
        cutAtMillis = startedAtMillis + timeoutMillis
        stopAtMillis = cutAtMillis + Self.graceMillis
    }

    /// Until what is left is cut; 0 from then on.
    func millisLeft(at now: Int64) -> Int64 { max(0, cutAtMillis - now) }

    /// Nobody has left even so: the process ends without them.
    func isHopeless(at now: Int64) -> Bool { now >= stopAtMillis + Self.graceMillis }

    /// The order that is due and has not been given, nil where there is none.
    mutating func order(at now: Int64) -> WorkerControl.Order? {
        let due: WorkerControl.Order = now >= stopAtMillis ? .stop : now >= cutAtMillis ? .cut : .drain
        guard due > given else { return nil }
        given = due
        return due
    }
}
