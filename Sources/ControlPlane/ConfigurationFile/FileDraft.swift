import DataPlane
import LinuxCalls

/// A configuration while its file is read: values as they come, and those that depend on each other with their places.
struct FileDraft {
    var configuration = ServeConfiguration(listeners: [], pools: [])
    var ringDepth: Placed<Int>?
    var completionDepth: Placed<Int>?
    var pipeBytes: Placed<Int>?
    var chunkBytes: Placed<Int>?
    var accessLog: Placed<AccessLogPlace>?
    var accessLogFormat: Placed<AccessLogFormat>?
    /// Once one of its keys is written.
    var controlSettings: ControlSettings?
    var control: ControlSettings {
        get { controlSettings ?? ControlSettings(Placed("", at: .flag(""))) }
        set { controlSettings = newValue }
    }
    var listeners: [ListenerDraft] = []
    var pools: [PoolDraft] = []
    /// Whether the keys were there, right or wrong.
    var hasAccessLogPlace = false

    init() { configuration.names = .file }
}

struct ListenerDraft {
    let place: FilePlace
    var name: Placed<String>?
    var listener = ListenerConfiguration("", bind: [])
    var socket = SocketDraft()
    var poolName: Placed<String>?
    /// The key was there, right or wrong.
    var namesPool = false
    var routes: [RouteDraft] = []
}

/// An item of `routes`.
struct RouteDraft {
    let place: FilePlace
    /// Nil where it is for every client, as are the next two where they are empty.
    var sources: [AddressBlock]?
    var names: [Placed<String>] = []
    var protocols: [Placed<String>] = []
    var poolName: Placed<String>?
    var rejects: Placed<Bool>?
    /// A path.
    var fallback: Placed<String>?

    /// Where it leads: one of them is right.
    var endCount: Int { (poolName == nil ? 0 : 1) + (rejects?.value == true ? 1 : 0) + (fallback == nil ? 0 : 1) }

    /// For all clients that are left.
    var isForAll: Bool { sources == nil && names.isEmpty && protocols.isEmpty }
}

struct PoolDraft {
    let place: FilePlace
    var name: Placed<String>?
    var pool = PoolConfiguration("", servers: [])
    /// The key was there, right or wrong, as for the next one.
    var hasServers = false
    var hasResolve = false
    var resolveName: Placed<String>?
    var resolveKind: Placed<ResolveRules.Kind>?
    var resolvePort: Placed<Int>?
    var resolveRefreshMillis: Int64?
    var headerVersion: Placed<HeaderRules.Version>?
    var headerExtras: [Placed<HeaderRules.Extras>] = []
    var socket = SocketDraft()

    /// Once one of them is written, the others have their defaults.
    var ejectRules: EjectRules {
        get { pool.eject ?? EjectRules() }
        set { pool.eject = newValue }
    }

    var healthRules: HealthRules {
        get { pool.health ?? HealthRules() }
        set { pool.health = newValue }
    }

    /// Only made where the number of connections is written, which has to be.
    var serverLimits: ServerLimits {
        get { pool.serverLimits ?? ServerLimits(connections: Bounds.connections.upperBound) }
        set { pool.serverLimits = newValue }
    }
    var queueTimeout: Placed<Int64>?
    var connectOnly: Placed<Bool>?
    var onDown: Placed<OnDown>?
    var slowStart: Placed<Int64>?
    /// Hundredths.
    var lifetimeJitter: Int64?
}

/// An item of `servers`: one server, or as many as its range has ports.
struct ServerDraft {
    var upstreams: [Placed<Upstream>] = []
    var weight = 1
    var isBackup = false

    var servers: [ServerConfiguration] {
        upstreams.map {
            var server = ServerConfiguration($0)
            server.weight = weight
            server.isBackup = isBackup
            return server
        }
    }
}
