import ArgumentParser
import ControlPlane

/// Where connections come from and go to.
struct PlaceFlags: ParsableArguments {
    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Where to accept: an address, [IPv6]:PORT, a name, unix:PATH, unix:@NAME, or fd:NUMBER and fd:NAME for a socket that was passed. Port 0 lets the kernel choose. Repeatable.",
            valueName: "HOST:PORT"))
    var listen: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Where to connect, in turns: as for --listen, or echo for an echo server inside the process. Repeatable.",
            valueName: "HOST:PORT"))
    var upstream: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "An address of this machine that connections to upstreams come from, in turns. Repeatable. (default: the kernel's choice)",
            valueName: "ADDRESS"))
    var source: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Which upstream is next: round_robin, random_two, least_connections, source_hash or first. (default: round_robin)",
            valueName: "NAME"))
    var balance: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "A file for clients for whom no upstream can be connected: they get it as it is, and FIN. (default: the client is reset or closed)",
            valueName: "PATH"))
    var fallbackFile: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Peers that have to begin with a PROXY header and speak for their clients: an address, a prefix, or unix. Repeatable. (default: nobody)",
            valueName: "ADDRESS"))
    var acceptProxy: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Tell upstreams who their client is, by a PROXY header: v1 or v2. (default: nothing is told)",
            valueName: "VERSION"))
    var sendProxy: String?

    func write(to flags: inout ServeFlags) {
        flags.listen = listen
        flags.upstream = upstream
        flags.source = source
        flags.balance = balance
        flags.fallbackFile = fallbackFile
        flags.acceptProxy = acceptProxy
        flags.sendProxy = sendProxy
    }
}
