import ArgumentParser
import ControlPlane

/// `longsplice`: the command line. It parses and prints; everything else is the control plane's.
@main
struct Longsplice: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "longsplice",
        abstract: "An edge TCP terminator that joins connections without copying their bytes through user space.",
        version: Version.sentence,
        subcommands: [
            Serve.self, Status.self, Plan.self, Reload.self, DrainProcess.self, Servers.self, Check.self, Config.self,
            Doctor.self,
            Bench.self, Splice.self, Sendfile.self,
        ]
    )

    /// Instead of ArgumentParser's own: whatever is wrong takes one line, and one for each problem of a configuration file.
    static func main() {
        StandardStreams.ensureOpen()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let refusal as Refusal {
            end(refusal)
        } catch let problems as FileProblems {
            for line in problems.lines { StandardError.shared.write("longsplice: \(line)") }
            exit(withError: ExitCode(Refusal.Kind.failure.exitStatus))
        } catch  where exitCode(for: error) == .success || error is ExitCode {
            // Help, version and completion scripts arrive as errors too.
            exit(withError: error)
        } catch {
            let sentence = message(for: error).split(whereSeparator: \.isNewline).joined(separator: " ")
            let first = CommandLine.arguments.dropFirst().first
            let command = configuration.subcommands.map { $0._commandName }.first { $0 == first } ?? "serve"
            end(
                Refusal(
                    .usage,
                    "\(sentence.last == "." ? String(sentence.dropLast()) : sentence); see longsplice \(command) --help"
                ))
        }
    }

    private static func end(_ refusal: Refusal) -> Never {
        StandardError.shared.write(refusal.line)
        exit(withError: ExitCode(refusal.kind.exitStatus))
    }
}
