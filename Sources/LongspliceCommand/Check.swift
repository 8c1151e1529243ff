import ArgumentParser
import ControlPlane

/// `longsplice check`
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what is wrong with a configuration file, without serving it.",
        discussion: """
            Each problem is a line on standard error, FILE:LINE:COLUMN: KEY: REASON; CURE. Files that it names are looked \
            for; names are not looked up and no port is opened. The exit status is 0 where there is nothing but warnings.
            """
    )

    @Option(
        parsing: .unconditional, help: ArgumentHelp("The file.", valueName: "FILE"),
        completion: .file(extensions: ["yaml", "yml"]))
    var config: String

    func run() throws {
        do {
            let file = try ConfigurationFile(config, on: try Machine.ofThisProcess())
            write(file.warnings.map(\.line))
            let missing = file.missingFiles
            write(missing.map(\.line))
            guard missing.isEmpty else { throw ExitCode(Refusal.Kind.failure.exitStatus) }
            print(file.summary(config))
        } catch let problems as FileProblems {
            // As compilers write them, so that editors find the places.
            write(problems.lines)
            throw ExitCode(Refusal.Kind.failure.exitStatus)
        }
    }

    private func write(_ lines: [String]) {
        for line in lines { StandardError.shared.write(line) }
    }
}
