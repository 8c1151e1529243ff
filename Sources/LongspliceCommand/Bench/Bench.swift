import ArgumentParser

/// `longsplice bench`
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put load on a relay and prove that no byte was lost, added, changed or mixed up.",
        discussion: """
            `bench peer` is the far end, behind the relay; `bench run` puts load on the relay and gives the verdict. It \
            works with any TCP relay, and with none.
            """,
        subcommands: [BenchPeer.self, BenchRun.self]
    )
}
