import LinuxCalls

/// How the servers of a pool share its connections. A weight of 2 means twice as many.
package enum Balance: UInt8, BitwiseCopyable, CaseIterable, Sendable {
    /// In turns, evenly mixed, each worker by itself.
    case roundRobin
    /// Of two drawn at random the one with fewer connections: as good as looking at all of them, and as cheap as looking at none
    /// (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001).
    case randomTwo
    /// Whichever has the fewest connections for its weight, of all workers.
    case leastConnections
    /// By the client's address: always the same server while the pool stays as it is (`Maglev`).
    case sourceHash
    /// The first one that can be connected.
    case first
}

/// One server of a pool.
package struct ServerSettings: Sendable {
    package var address: SocketAddress
    package var weight: Int
    /// Only tried when none of the others could be connected.
    package var isBackup: Bool
    /// It gets no more connections; those it has go on.
    package var isDraining = false
    /// What it is known by (`ServerStates`); nil to be numbered in the pools' order.
    package var number: UInt16?

    package static let weightMax = 256

    package init(_ address: SocketAddress, weight: Int = 1, isBackup: Bool = false) {
        self.address = address
        self.weight = weight
        self.isBackup = isBackup
    }
}

/// When a server that cannot be connected is left out for a while.
package struct EjectRules: BitwiseCopyable, Equatable, Sendable {
    /// Connects in a row that have to fail.
    package var afterFailures: Int
    package var forMillis: Int64
    /// Of the pool's servers, in hundredths; one may always be left out.
    package var atMostPercent: Int

    package init(afterFailures: Int = 5, forMillis: Int64 = 10_000, atMostPercent: Int = 50) {
        self.afterFailures = afterFailures
        self.forMillis = forMillis
        self.atMostPercent = atMostPercent
    }
}

/// How many connections servers of a pool have, and how many clients wait for one.
package struct ServerLimits: BitwiseCopyable, Equatable, Sendable {
    /// Of each server, of all workers together, attempts to connect among them.
    package var connections: Int
    /// Clients that wait while no server has room, of all workers together; the others are refused at once.
    package var queue = 0

    package init(connections: Int, queue: Int = 0) {
        self.connections = connections
        self.queue = queue
    }
}

/// Servers that stand for each other, and how they are connected to. Made and checked by the control plane.
package struct PoolSettings: Sendable {
    package var servers: [ServerSettings]
    package var balance: Balance
    /// Nil for the worker's.
    package var timeouts: Timeouts?
    /// Nil where no server is ever left out.
    package var eject: EjectRules?
    /// Nil where servers have as many connections as come.
    package var limits: ServerLimits?
    /// Somebody checks the servers, and says in `ServerStates` which are down.
    package var isChecked = false
    /// When a server goes down, its sessions are reset.
    package var resetsSessionsOfFallen = false
    /// How long a server that is back gets fewer connections than its share; 0 for not at all.
    package var slowStartMillis: Int64 = 0
    /// What servers get before anything of the client; nil for nothing.
    package var header: HeaderRules?
    /// Servers tried for one client, at most.
    package var attemptsMax = Int.max
    /// Where connections to servers come from; empty where the kernel chooses. Ports are 0.
    package var sources: [SocketAddress] = []
    /// Of sockets that connect to TCP servers, set in this order.
    package var options: [SocketOption] = []
    /// Connections to TCP servers come from the client's own address; `options` let them.
    package var isTransparent = false
    /// A sealed file that clients get for whom no server can be connected; negative for none. The descriptor stays open, and the file
    /// behind it may be replaced (dup3(2)).
    package var fallback: Int32 = -1

    package init(_ servers: [ServerSettings], _ balance: Balance = .roundRobin) {
        self.servers = servers
        self.balance = balance
    }
}
