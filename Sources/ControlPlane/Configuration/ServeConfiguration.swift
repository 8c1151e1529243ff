import ControlMessages
import DataPlane
import LinuxCalls
import Logging

/// What `longsplice serve` is to do, checked: every value is inside its range and no two contradict each other.
package struct ServeConfiguration: Sendable {
    package var listeners: [ListenerConfiguration]
    package var pools: [PoolConfiguration]
    package var engine = EngineWish.auto
    package var relay = RelayWish.adaptive
    package var ring = UringSettings()
    package var workers = 1
    /// Bytes asked of the kernel for each pipe.
    package var pipeBytes = 1 << 20
    /// Bytes of one fill, at most; never more than a pipe holds.
    package var chunkBytes = 1 << 20
    /// Receive buffers of each worker.
    package var buffers = BufferSettings()
    /// How long a worker spins before it sleeps, where that has paid lately; 0 for never.
    package var spinMicros = 50
    /// Connections of all workers together; nil for as many as the descriptor limit allows.
    package var maxConnections: Int?
    /// Connections of one client address, nil for no bound.
    package var maxConnectionsPerClient: Int?
    package var drainMillis: Int64 = 30_000
    package var logFormat = LogFormat.text
    package var logLevel = Logger.Level.info
    /// Nil where no statistics are wanted.
    package var statsMillis: Int64?
    /// Nil where no access log is wanted.
    package var accessLog: AccessLogPlace?
    package var accessLogFormat = AccessLogFormat.json
    /// Nil where nobody is to ask or tell it anything.
    package var control: ControlSettings?

    /// As it was written.
    package var source = ControlConfiguration(flags: [])
    /// What the values are called where they were written.
    package var names = ValueNames.flags
    package var engineOrigin = Origin.flag(ValueNames.flags.engine)
    package var maxConnectionsOrigin = Origin.flag(ValueNames.flags.maxConnections)
    package var accessLogOrigin = Origin.flag(ValueNames.flags.accessLog)

    package init(listeners: [ListenerConfiguration], pools: [PoolConfiguration]) {
        self.listeners = listeners
        self.pools = pools
    }

    package var hasEcho: Bool { pools.contains { $0.servers.contains(where: \.upstream.value.isEcho) } }
    /// Addresses that are listened on, before names are looked up.
    package var bindCount: Int { listeners.reduce(0) { $0 + $1.bind.count } }
    /// Of all pools together.
    package var longestTimeouts: Timeouts {
        var longest = Timeouts()
        longest.idleMillis = pools.map(\.timeouts.idleMillis).max() ?? longest.idleMillis
        longest.finMillis = pools.map(\.timeouts.finMillisMax).max() ?? longest.finMillis
        return longest
    }
    package var backlogMax: Int { listeners.map { Int($0.backlog) }.max() ?? 0 }

    package static let workersMax = 256
    /// An upstream's index is kept in 16 bits of each knot.
    package static let upstreamsMax = 65_535
    /// Turns of one round of a pool, which are kept in memory.
    package static let turnsMax = 1 << 20
    package static let sourcesMax = 256
    package static let connectionsMax = 10_000_000
}
