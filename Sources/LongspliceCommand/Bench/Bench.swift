import ArgumentParser

/// `longsplice bench`
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put load on a relay and prove that no byte was lost, added, changed or mixed up.",
        discussion: """
            `bench peer` is the far end, behind the relay; `bench run` puts load on the relay and gives the verdict. It \
            works with any TCP relay, and with none. Without a subcommand this machine is measured in under a minute: each \
            workload directly, through the io_uring engine, and through the epoll engine.
            """,
        subcommands: [BenchPeer.self, BenchRun.self]
    )

    func run() throws {
        let suite = try BenchSuite()
        throw ExitCode(try suite.run())
    }
}
