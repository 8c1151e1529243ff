@testable import DataPlane

extension RelayRules {
    /// Directions change between copying and splicing after a few kilobytes, back and forth: what is moved in the tests is
    /// little, and it is the changes that are to be tried.
    static func restless(_ policy: RelayPolicy) -> RelayRules {
        var rules = RelayRules(policy: policy)
        rules.bulkBytes = 6_000
        rules.bulkReceiveBytesMin = 500
        rules.fillBytesMin = 5_000
        rules.smallFillsMax = 1
        rules.lowWaterBytesMin = 500
        rules.lowWaterBytesMax = 50_000
        rules.lowWaterLanesMin = 1
        rules.lowWaterRunBytes = 2_000
        rules.lowWaterWindowMillis = 0
        return rules
    }
}
