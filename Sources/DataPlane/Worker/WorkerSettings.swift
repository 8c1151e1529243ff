import LinuxCalls

/// What one worker is to do. Made and checked by the control plane; the worker takes it as true.
package struct WorkerSettings: Sendable {
    /// What is at the other end of each accepted connection.
    package enum Target: Sendable {
        /// A server of the pool that the connection's listener names.
        case pools(PoolSet)
        /// The connection itself: everything comes back.
        case echo
        /// None: there are no listeners, and pairs come as jobs.
        case jobs(JobDesk)
    }

    package var target: Target
    /// Of knots that no pool has timeouts for.
    package var timeouts = Timeouts()
    /// Connections of all workers together, at most.
    package var connectionsMax = 1024
    /// Bytes asked of the kernel for each pipe.
    package var pipeBytes: UInt32 = 1 << 20
    /// Bytes of one fill, at most.
    package var chunkBytes: UInt32 = 1 << 20
    /// How bytes are moved, and when that changes.
    package var relay = RelayRules()
    /// How long a worker spins before it sleeps, where that pays; 0 for never.
    package var spinNanoseconds: Int64 = 50_000
    /// Which worker of the group this is, from 0.
    package var index = 0
    /// Where the worker puts a record of each connection; nil for no records. For this worker alone.
    package var records: RecordQueue?
    /// Bounds the connections of each client address; nil for no bound. For all workers together.
    package var clients: ClientTable?
    /// Pools and listeners may change while workers run, so what they may want then is made at start.
    package var isChangeable = false
    /// Shares newcomers out among the workers; nil for one that serves whomever it accepts. For all workers together.
    package var placement: Placement?

    package init(target: Target) { self.target = target }

    /// Connections beyond the limit that may already have been accepted when accepting is paused: a multishot accept
    /// answers in batches.
    package static let acceptedInExcessMax = 256

    /// Slots for knots: the limit is one for all workers, so each must be able to hold them all.
    package var slots: Int { connectionsMax + Self.acceptedInExcessMax }
    /// Each lane may have a pipe, until there are as many as one worker has at most: whatever else wants one is copied.
    package var pipesMax: Int { min(slots * 2, Self.pipesOfWorkerMax) }
    package static let pipesOfWorkerMax = 256
    /// Intents that can be open at once: for each of two sides a receive, a send, a watch, and a cancel for two of them.
    package var intentsMax: Int { slots * 10 }

    /// Some connections have a record while they last, or may have one later.
    var keepsRecords: Bool { records != nil || isChangeable || pools?.hasProxies == true }

    /// Some connections are counted for their client's address, or may be so later.
    var countsClients: Bool { clients != nil || isChangeable || pools?.countsClients == true }

    /// Some listener bounds how fast bytes are moved, or may do so later.
    var pacesAny: Bool { isChangeable || pools?.isPaced == true }

    var pools: PoolSet? {
        switch target {
        case .pools(let set): set
        case .echo, .jobs: nil
        }
    }

    package var isEcho: Bool {
        switch target {
        case .pools, .jobs: false
        case .echo: true
        }
    }

    var threadName: String {
        switch target {
        case .pools: "worker-\(index)"
        case .echo: "echo-\(index)"
        case .jobs: "splicer-\(index)"
        }
    }

    var desk: JobDesk? {
        switch target {
        case .jobs(let desk): desk
        case .pools, .echo: nil
        }
    }
}

extension WorkerSettings.Target {
    /// One pool, in turns.
    package static func upstreams(_ list: [SocketAddress], fallback: Int32 = -1) -> Self {
        var pool = PoolSettings(list.map { ServerSettings($0) })
        pool.fallback = fallback
        return .pools(PoolSet([pool]))
    }
}
