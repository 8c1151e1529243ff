import ArgumentParser
import ControlPlane
import LinuxCalls
import LoadGenerator

/// `longsplice bench run`
struct BenchRun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Put load on a relay whose upstream is a `bench peer`, and give the verdict.",
        discussion: """
            Workloads: ledger (bytes both ways, drawn sizes, pauses and endings), bulk, pingpong, churn (short \
            connections), idle. The exit status is 0 when every byte and every ending was right, 1 when not. SIGINT and \
            SIGTERM end the run early, a second one cuts it; it reports in any case.
            """
    )

    @OptionGroup(title: "What") var what: BenchWhatFlags
    @OptionGroup(title: "How much") var amount: BenchAmountFlags
    @OptionGroup(title: "Where") var places: BenchPlaceFlags

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Every figure, as JSON, to this file; - for standard output.", valueName: "FILE"))
    var json: String?

    func run() throws {
        var settings = try what.settings()
        try amount.write(to: &settings)
        try places.write(to: &settings)
        let signals = try BenchSignals()
        let report = try BenchWatch.run(settings, signals)
        for warning in report.warnings { StandardError.shared.write("longsplice: warning: \(warning)") }
        if json != "-" { print(RunTable.text(report)) }
        if let json { try JSONFile.write(report.json, to: json) }
        throw ExitCode(report.isOK ? 0 : 1)
    }
}
