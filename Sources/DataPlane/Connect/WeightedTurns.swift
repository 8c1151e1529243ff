/// Whose turn it is in a pool with weights: each server as often as its weight says, and as far from itself as that allows.
package enum WeightedTurns {
    /// One round, as places in `weights`. Equal weights give each place once, in order.
    ///
    /// The next turn is always the server's whose share is furthest behind: one with weight w is due at (k + ½) / w for k = 0, 1, …
    /// - Parameter weights: all above 0.
    package static func round(_ weights: [Int]) -> [UInt16] {
        let divisor = divisor(of: weights)
        guard divisor > 0 else { return [] }
        var turns: [(place: UInt16, numerator: Int, weight: Int)] = []
        for (place, weight) in weights.enumerated() {
            let share = weight / divisor
            for turn in 0..<share { turns.append((UInt16(truncatingIfNeeded: place), 2 * turn + 1, share)) }
        }
        // a/b < c/d without a division; equals stay in the order of their places.
        turns.sort {
            let (a, b) = ($0.numerator * $1.weight, $1.numerator * $0.weight)
            return a == b ? $0.place < $1.place : a < b
        }
        return turns.map(\.place)
    }

    /// How many turns a round has.
    package static func count(_ weights: [Int]) -> Int { weights.reduce(0, +) / max(1, divisor(of: weights)) }

    private static func divisor(of weights: [Int]) -> Int { weights.reduce(0, greatestCommonDivisor) }

    private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
        var (a, b) = (a, b)
        while b != 0 { (a, b) = (b, a % b) }
        return a
    }
}
