import DataPlane
import LinuxCalls

/// Where connections are accepted, and which pool they go to.
package struct ListenerConfiguration: Sendable {
    package var name: String
    package var bind: [Placed<Endpoint>]
    package var backlog: Int32 = 4096
    /// An index into the pools.
    package var pool = 0

    package init(_ name: String, bind: [Placed<Endpoint>]) {
        self.name = name
        self.bind = bind
    }
}

/// One server of a pool; a name stands for all its addresses.
package struct ServerConfiguration: Sendable {
    package var upstream: Placed<Upstream>
    package var weight = 1
    package var isBackup = false

    package init(_ upstream: Placed<Upstream>) { self.upstream = upstream }
}

/// Servers that stand for each other, and how they are connected to.
package struct PoolConfiguration: Sendable {
    package var name: String
    package var servers: [ServerConfiguration]
    package var balance = Balance.roundRobin
    /// Where connections come from, ports 0; empty where the kernel chooses.
    package var sources: [Placed<SocketAddress>] = []
    /// Servers tried for one client after the first; nil for all there are.
    package var retries: Int?
    package var timeouts = Timeouts()
    /// The path of the file that clients get for whom no server can be connected; nil for none.
    package var fallback: Placed<String>?

    package init(_ name: String, servers: [ServerConfiguration]) {
        self.name = name
        self.servers = servers
    }

    /// Of one round in which each server has as many as its weight says, by the smallest numbers that do.
    package var turnCount: Int {
        let divisor = servers.reduce(0) { divisor, server in
            var (a, b) = (divisor, server.weight)
            while b != 0 { (a, b) = (b, a % b) }
            return a
        }
        return servers.reduce(0) { $0 + $1.weight } / max(1, divisor)
    }
}

extension Balance {
    /// As flags and files spell it.
    package var name: String {
        switch self {
        case .roundRobin: "round_robin"
        case .randomTwo: "random_two"
        case .leastConnections: "least_connections"
        case .sourceHash: "source_hash"
        case .first: "first"
        }
    }

    package init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}
