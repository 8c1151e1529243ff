import ArgumentParser
import ControlPlane
import LoadGenerator

/// What a run does.
struct BenchWhatFlags: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("ledger, bulk, pingpong, churn or idle. (default: ledger)", valueName: "workload"),
        completion: .list(Workload.allCases.map(\.name)))
    var workload: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Mean bytes each way, or of a request and of its answer. (default: ledger 256KiB, pingpong and idle 64, churn \
            1KiB, bulk as many as go into --duration)
            """, valueName: "SIZE"))
    var size: String?

    @Flag(
        help: "Every connection has --size bytes each way, not a drawn number around it; churn then makes one request."
    )
    var exactSize = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Which way bulk flows: up, down or both. (default: both)", valueName: "way"),
        completion: .list(["up", "down", "both"]))
    var direction: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            How connections end, with weights: fin-early, fin-late, both, rst-idle, rst-mid, close-mid, silence; e.g. \
            both,rst-mid=10. (default: ledger all but silence; churn 10 % rst-idle, rst-mid and close-mid each)
            """, valueName: "plans"))
    var plans: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("What everything drawn is drawn from. (default: another one each time)", valueName: "N"))
    var seed: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Nothing but this connection of the run.", valueName: "ID"))
    var only: String?

    @Flag(help: "RST that arrives as FIN is counted and no violation; bytes always matter.")
    var lenientReset = false

    @Flag(help: "RST has to arrive as RST. This is the default.")
    var strict = false

    func settings() throws(Refusal) -> RunSettings {
        let workload = try FlagReading.read(workload, "--workload") { value throws(ValueProblem) in
            if let workload = Workload.allCases.first(where: { $0.name == value }) { return workload }
            throw ValueProblem(
                "is none that exists", cure: "write one of \(Workload.allCases.map(\.name).joined(separator: ", "))")
        }
        var recipe = Recipe(workload ?? .ledger)
        let size = try FlagReading.size(size, "--size", 1...Int(Recipe.sizeMax))
        recipe.size = size.map(UInt64.init) ?? recipe.size
        recipe.isExact = exactSize
        recipe.mix = try FlagReading.read(plans, "--plans", MixText.parse) ?? recipe.mix
        recipe.flows =
            try FlagReading.read(direction, "--direction") { value throws(ValueProblem) in
                if let flows = Recipe.Flows.allCases.first(where: { "\($0)" == value }) { return flows }
                throw ValueProblem("is none that exists", cure: "write up, down or both")
            } ?? .both
        if strict && lenientReset {
            throw Refusal(.usage, "--strict and --lenient-reset exclude each other; choose one")
        }
        let seed = try FlagReading.number(seed, "--seed", 0...Int.max).map { UInt64($0) }
        var settings = RunSettings(recipe, seed: seed ?? UInt64.random(in: 0...0xffff_ffff), targets: [])
        settings.only = try FlagReading.number(only, "--only", 0...Int(Ledger.idsMax) - 1).map { UInt64($0) }
        settings.isLenientAboutReset = lenientReset
        return settings
    }
}
