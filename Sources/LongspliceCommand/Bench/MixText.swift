import ControlPlane
import LoadGenerator

/// Plans as `--plans` spells them: `fin-early,rst-mid=10`. A name without a weight has the weight 1.
enum MixText {
    static func parse(_ text: String) throws(ValueProblem) -> Mix {
        var mix = Mix()
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = sides.first, let ending = Ending.allCases.first(where: { $0.name == name }) else {
                let names = Ending.allCases.map(\.name).joined(separator: ", ")
                throw ValueProblem("names a plan that does not exist", cure: "write some of \(names)")
            }
            let weight = sides.count == 2 ? UInt16(sides[1]) : 1
            guard let weight, weight <= 10_000 else {
                throw ValueProblem("has a weight that is none", cure: "write NAME=WEIGHT with a weight from 0 to 10000")
            }
            mix[ending] = weight
        }
        guard mix.total > 0 else { throw ValueProblem("has no plan", cure: "give at least one of them a weight") }
        return mix
    }
}
