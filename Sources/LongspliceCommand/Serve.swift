import ArgumentParser
import ControlPlane

/// `longsplice serve`
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Accept TCP connections and join each one to an upstream.",
        discussion: """
            Sizes are plain bytes or KiB, MiB, GiB; times are ms, s, m, h. SIGTERM and SIGINT drain and end, a second \
            one ends at once; SIGUSR1 logs all counters; SIGUSR2 reopens the access log. Flags serve one pool of \
            upstreams; a file serves several: longsplice config --example shows one.
            """
    )

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Serve what a configuration file says. Of the other flags only --log-format and --log-level may go with it.",
            valueName: "FILE"),
        completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @OptionGroup(title: "Places") var places: PlaceFlags
    @OptionGroup(title: "Engine") var engine: EngineFlags
    @OptionGroup(title: "Limits") var limits: LimitFlags
    @OptionGroup(title: "Times") var times: TimeFlags
    @OptionGroup(title: "Log") var log: LogFlags

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "A UNIX socket for longsplice status, reload, drain and server, for root and this user. (default: none)",
            valueName: "PATH"))
    var control: String?

    func run() throws {
        var flags = ServeFlags()
        places.write(to: &flags)
        engine.write(to: &flags)
        limits.write(to: &flags)
        times.write(to: &flags)
        log.write(to: &flags)
        flags.control = control
        if let config { throw ExitCode(try Supervisor.run(file: config, flags, opening: ControlSocketDoor.open)) }
        throw ExitCode(try Supervisor.run(flags, opening: ControlSocketDoor.open))
    }
}
