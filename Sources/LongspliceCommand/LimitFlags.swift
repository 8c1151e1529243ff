import ArgumentParser
import ControlPlane

/// How much at a time.
struct LimitFlags: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Connections at a time; more wait in the accept queue. (default: as many as RLIMIT_NOFILE allows)",
            valueName: "N"))
    var maxConnections: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Connections of one client at a time, by IPv4 address or IPv6 /64; more are reset. (default: no bound)",
            valueName: "N"))
    var maxConnectionsPerClient: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Length of the accept queue, 1 to 65535, capped by net.core.somaxconn. (default: 4096)", valueName: "N"))
    var backlog: String?

    func write(to flags: inout ServeFlags) {
        flags.maxConnections = maxConnections
        flags.maxConnectionsPerClient = maxConnectionsPerClient
        flags.backlog = backlog
    }
}
