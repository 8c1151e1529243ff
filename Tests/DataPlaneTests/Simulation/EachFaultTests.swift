import Testing

@testable import DataPlane

/// What a run with everything at once cannot show: which fault it was.
@Suite("A worker under one fault, often")
struct EachFaultTests {
    static let faults: [(String, any WritableKeyPath<FaultPlan, Int> & Sendable)] = [
        ("shortFill", \.shortFill), ("shortDrain", \.shortDrain), ("fillAgain", \.fillAgain),
        ("drainAgain", \.drainAgain), ("drainHeldAgain", \.drainHeldAgain), ("interrupted", \.interrupted),
        ("canceled", \.canceled),
        ("notSpliceable", \.notSpliceable), ("noMemory", \.noMemory), ("noBuffers", \.noBuffers),
        ("connectionDies", \.connectionDies), ("delayed", \.delayed), ("reordered", \.reordered),
        ("multishotEnds", \.multishotEnds), ("completionQueueFull", \.completionQueueFull),
        ("submissionQueueFull", \.submissionQueueFull), ("cancelTooLate", \.cancelTooLate),
        ("socketFails", \.socketFails), ("pipeFails", \.pipeFails), ("pipeSmall", \.pipeSmall),
        ("acceptFails", \.acceptFails), ("connectFails", \.connectFails),
        ("connectNeverAnswers", \.connectNeverAnswers),
    ]

    @Test("loses no byte, invents no end and leaks nothing", arguments: faults.indices)
    func alone(index: Int) throws {
        var plan = FaultPlan()
        plan[keyPath: Self.faults[index].1] = 100
        let outcome = try SimulationTests.run(seed: 7, plan, clients: 100)
        #expect(outcome.problems == [], "\(Self.faults[index].0)")
        #expect(outcome.totals[.completionsStale] == 0, "\(Self.faults[index].0)")
    }
}
