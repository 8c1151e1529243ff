import LinuxCalls
import Testing

@testable import LoadGenerator

/// A peer, perhaps a relay in front of it, and one run.
enum TestRun {
    static func peer(threads: Int = 1) throws -> Peer {
        let loopback = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
        return try Peer([loopback], threads: threads)
    }

    static func run(
        _ workload: Workload, through fault: RelayFault? = nil, seed: UInt64 = 77, peerThreads: Int = 1,
        _ change: (inout RunSettings) -> Void = { _ in }
    ) throws -> RunReport {
        let peer = try peer(threads: peerThreads)
        defer { peer.stop() }
        let relay = try fault.map { try BadRelay(to: peer.addresses[0], $0) }
        var settings = RunSettings(Recipe(workload), seed: seed, targets: [relay?.address ?? peer.addresses[0]])
        settings.recipe.patienceMillis = 20_000
        change(&settings)
        return try Run(settings).finish()
    }

    /// A few connections of one ending, with a size that is known.
    static func few(
        _ ending: Ending, through fault: RelayFault, size: UInt64 = 20_000, patienceMillis: UInt32 = 20_000,
        count: Int = 4
    )
        throws -> RunReport
    {
        try run(.ledger, through: fault) { settings in
            settings.recipe.mix = Mix([ending: 1])
            (settings.recipe.size, settings.recipe.isExact) = (size, true)
            settings.recipe.patienceMillis = patienceMillis
            (settings.connections, settings.total) = (count, UInt64(count))
        }
    }
}
