import ArgumentParser
import ControlPlane

/// How long to wait.
struct TimeFlags: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("For an upstream to answer, before the next is tried. (default: 5s)", valueName: "TIME"))
    var connectTimeout: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("For a pair over which nothing moves. (default: 1h)", valueName: "TIME"))
    var idleTimeout: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("For a half-closed pair over which nothing moves. (default: 30s)", valueName: "TIME"))
    var finTimeout: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("For connections to end by themselves after SIGTERM. (default: 30s)", valueName: "TIME"))
    var drainTimeout: String?

    func write(to flags: inout ServeFlags) {
        flags.connectTimeout = connectTimeout
        flags.idleTimeout = idleTimeout
        flags.finTimeout = finTimeout
        flags.drainTimeout = drainTimeout
    }
}
