/// How a server stands with those who choose one; of two the better standing is preferred, whatever the balance says.
enum Standing: UInt8, BitwiseCopyable, Comparable {
    /// Its health checks have failed: it is not connected.
    case down
    /// It has as many connections as it may have.
    case full
    /// Left out for a while (`EjectRules`): only connected where there is nobody else.
    case leftOut
    /// Back since a short while, and this connection is not among the few it gets.
    case heldBack
    /// Its last connect has failed just now.
    case doubted
    case up

    static func < (a: Standing, b: Standing) -> Bool { a.rawValue < b.rawValue }
}

extension Standing {
    /// Whether a server in slow start gets a connection: its share grows evenly, from a hundredth to all.
    /// - Parameters:
    ///   - luck: the connection's, from 0 to `luckMax`.
    ///   - backSinceMillis: when the server was back; 0 for one that was never away.
    static func holdsBack(luck: Int64, backSinceMillis: Int64, slowStartMillis: Int64, at now: Int64) -> Bool {
        guard backSinceMillis != 0 else { return false }
        let elapsed = max(now &- backSinceMillis, slowStartMillis / 100)
        return elapsed < slowStartMillis && luck &* slowStartMillis >= elapsed &* (luckMax + 1)
    }

    static var luckMax: Int64 { 65_535 }
}
