import DataPlane
import LinuxCalls

/// What is to be checked of one pool, and how.
struct HealthPlan: Equatable {
    struct Server: Equatable {
        let number: Int
        let address: SocketAddress
    }

    let rules: HealthRules
    let servers: [Server]
    /// Where checks come from, in turns; empty where the kernel chooses.
    let sources: [SocketAddress]

    /// Nil for a pool that wants no checks, or has nobody to check.
    init?(_ pool: PoolConfiguration, _ settings: PoolSettings) {
        guard var rules = pool.health, !settings.servers.isEmpty else { return nil }
        if let header = pool.header { rules.send = header.ofNobody + rules.send }
        self.rules = rules
        servers = settings.servers.compactMap { server in
            server.number.map { Server(number: Int($0), address: server.address) }
        }
        sources = settings.sources
    }
}
