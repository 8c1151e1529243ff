import ArgumentParser
import ControlPlane
import LoadGenerator

/// How much of it.
struct BenchAmountFlags: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Connections at a time, 1 to 1000000. (default: ledger 64, bulk 1, pingpong 16, churn 32, idle 1000)",
            valueName: "N"))
    var connections: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long: ms, s, m or h. (default: 10s, or until --total or --size is done)", valueName: "TIME"))
    var duration: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            So long before --duration begins, traffic flows and is checked, but not timed or counted under \
            "measured" (pingpong, churn). (default: none)
            """, valueName: "TIME"))
    var warmUp: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Connections in all, up to 2097152 (ledger, churn).", valueName: "N"))
    var total: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Opens each second (ledger, churn) or requests each second in all (pingpong), whether or not answers come; \
            latencies count from when each was due. (default: as fast as it goes)
            """, valueName: "N"))
    var rate: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Without progress for so long a connection is stuck. (default: 20s)", valueName: "TIME"))
    var patience: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("Threads, 1 to 64. (default: 1)", valueName: "N"))
    var threads: String?

    func write(to settings: inout RunSettings) throws(Refusal) {
        let connections = try FlagReading.number(connections, "--connections", 1...1_000_000)
        settings.connections = connections ?? settings.connections
        settings.total = try FlagReading.number(total, "--total", 1...Int(Ledger.idsMax)).map { UInt64($0) }
        settings.rate = try FlagReading.number(rate, "--rate", 1...10_000_000).map { Double($0) }
        settings.threads = min(try FlagReading.number(threads, "--threads", 1...64) ?? 1, settings.connections)
        if let patience = try FlagReading.time(patience, "--patience", atLeast: TimeSpan(milliseconds: 100)) {
            settings.recipe.patienceMillis = UInt32(clamping: min(patience, Int64(Recipe.patienceMillisMax)))
        }
        if let warmUp = try FlagReading.time(warmUp, "--warm-up") {
            guard settings.recipe.workload == .pingpong || settings.recipe.workload == .churn else {
                throw Refusal(
                    .usage,
                    "--warm-up has no meaning for \(settings.recipe.workload.name); choose pingpong or churn, or leave it out"
                )
            }
            settings.warmUpNanoseconds = warmUp * 1_000_000
        }
        let duration = try FlagReading.time(duration, "--duration")
        settings.durationNanoseconds = (duration ?? durationByDefault(settings)).map { $0 * 1_000_000 }
    }

    /// Nil where the run comes to its end by itself.
    private func durationByDefault(_ settings: RunSettings) -> Int64? {
        let endsByItself = settings.total != nil || settings.only != nil
        let isSized = settings.recipe.workload == .bulk && settings.recipe.size > 0
        return endsByItself || isSized ? nil : 10_000
    }
}
