import ArgumentParser
import ControlPlane

/// What is said on standard error, and what is kept of each connection.
struct LogFlags: ParsableArguments {
    @Option(
        parsing: .unconditional, help: ArgumentHelp("text or json. (default: text)", valueName: "format"),
        completion: .list(["text", "json"]))
    var logFormat: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "trace, debug, info, notice, warning, error or critical. (default: info)", valueName: "level"),
        completion: .list(["trace", "debug", "info", "notice", "warning", "error", "critical"]))
    var logLevel: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Log one line of rates each TIME, 100ms or more. (default: none)", valueName: "TIME"))
    var stats: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "One line for each connection: a file (reopened on SIGUSR2), - or unix:PATH. (default: none)",
            valueName: "PLACE"))
    var accessLog: String?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("json or text. (default: json)", valueName: "format"),
        completion: .list(["json", "text"]))
    var accessLogFormat: String?

    func write(to flags: inout ServeFlags) {
        flags.logFormat = logFormat
        flags.logLevel = logLevel
        flags.stats = stats
        flags.accessLog = accessLog
        flags.accessLogFormat = accessLogFormat
    }
}
