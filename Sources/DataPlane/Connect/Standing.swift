/// How a server stands with those who choose one; of two the better standing is preferred, whatever the balance says.
enum Standing: UInt8, BitwiseCopyable, Comparable {
    /// Its health checks have failed: it is not connected.
    case down
    /// Left out for a while (`EjectRules`): only connected where there is nobody else.
    case leftOut
    /// Its last connect has failed just now.
    case doubted
    case up

    static func < (a: Standing, b: Standing) -> Bool { a.rawValue < b.rawValue }
}
