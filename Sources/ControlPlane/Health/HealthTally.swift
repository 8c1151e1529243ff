/// Whether a server is up, by its last checks; up until it has proved otherwise.
struct HealthTally {
    enum Change {
        case wentDown
        case cameUp
    }

    private(set) var isUp = true
    /// In a row, and against what it is.
    private var contradictions = 0

    /// Nil where it stays what it is.
    mutating func note(succeeded: Bool, _ rules: HealthRules) -> Change? {
        guard succeeded != isUp else {
            contradictions = 0
            return nil
        }
        contradictions += 1
        guard contradictions >= (isUp ? rules.fall : rules.rise) else { return nil }
        contradictions = 0
        isUp.toggle()
        return isUp ? .cameUp : .wentDown
    }
}
