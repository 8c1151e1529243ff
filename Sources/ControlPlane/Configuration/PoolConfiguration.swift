import DataPlane
import LinuxCalls

/// Where connections are accepted, and which pool they go to.
package struct ListenerConfiguration: Equatable, Sendable {
    package var name: String
    package var bind: [Placed<Endpoint>]
    package var backlog: Int32 = 4096
    /// Of its TCP sockets, in the order in which they are set.
    package var options: [Placed<SocketOption>] = []
    /// Of its UNIX sockets' files; nil for what the umask leaves.
    package var mode: Placed<UInt32>?
    package var limits = ListenerLimitsConfiguration()
    /// An index into the pools: where clients go for whom no route is meant; nil where they are reset.
    package var pool: Int? = 0
    /// Who may come; nil for anybody.
    package var allow: [AddressBlock]?
    /// Of those who may, these may not.
    package var deny: [AddressBlock] = []
    /// The first one that is meant is taken.
    package var routes: [RouteConfiguration] = []
    /// Peers that have to begin with a PROXY header.
    package var proxies: [AddressBlock] = []
    /// So have clients of a UNIX socket.
    package var hasUNIXProxies = false
    /// For a PROXY header, and for a ClientHello, each from accept on.
    package var proxyMillis = ListenerSettings(pool: nil).proxyMillis
    package var helloMillis = ListenerSettings(pool: nil).helloMillis

    package init(_ name: String, bind: [Placed<Endpoint>]) {
        self.name = name
        self.bind = bind
    }
}

extension ListenerConfiguration {
    /// What the workers are to know of it.
    /// - Parameters:
    ///   - limits: what bounds it; nil for nothing.
    ///   - number: of a pool, by its index in the configuration.
    func settings(_ limits: ListenerLimits?, number: (Int) -> Int) -> ListenerSettings {
        var settings = ListenerSettings(pool: pool.map(number))
        settings.limits = limits
        settings.bytesPerSecond = Int64(self.limits.bytesPerSecond ?? 0)
        settings.allow = allow.map { AddressSet($0) }
        settings.deny = deny.isEmpty ? nil : AddressSet(deny)
        settings.routes = routes(number)
        settings.proxies = proxies.isEmpty ? nil : AddressSet(proxies)
        settings.hasUNIXProxies = hasUNIXProxies
        settings.proxyMillis = proxyMillis
        settings.helloMillis = helloMillis
        return settings
    }
}

extension ListenerConfiguration {
    /// Those that ask for names alone and stand behind each other are one. That the nearest pattern is taken there is what their order
    /// says too, since a pattern behind a wider one is refused (`FileDraft`).
    private func routes(_ number: (Int) -> Int) -> [Route] {
        var all: [Route] = []
        var run: [(names: [String], pool: Int?)] = []
        func end() {
            if !run.isEmpty { all.append(Route(byNames: run)) }
            run = []
        }
        for route in routes {
            let pool = route.pool.map(number)
            if route.asksForNamesAlone {
                run.append((route.names, pool))
                continue
            }
            end()
            all.append(
                Route(
                    route.sources.map { AddressSet($0) }, names: route.names, protocols: route.protocols, pool: pool))
        }
        end()
        return all
    }
}

/// Some clients, by all conditions that there are, and their pool.
package struct RouteConfiguration: Equatable, Sendable {
    /// Nil for any.
    package var sources: [AddressBlock]?
    /// Host names and patterns such as `*.example.com`; empty for any.
    package var names: [String] = []
    /// As ALPN names them; empty for any.
    package var protocols: [String] = []
    /// Nil where they are reset.
    package var pool: Int?

    package init(_ sources: [AddressBlock]? = nil, pool: Int?) {
        self.sources = sources
        self.pool = pool
    }

    fileprivate var asksForNamesAlone: Bool { sources == nil && protocols.isEmpty && !names.isEmpty }
}

/// One server of a pool; a name stands for all its addresses.
package struct ServerConfiguration: Equatable, Sendable {
    package var upstream: Placed<Upstream>
    package var weight = 1
    package var isBackup = false
    /// It gets no more connections; those it has go on.
    package var isDraining = false
    /// It was not written down: the pool's name has given it.
    package var isResolved = false

    package init(_ upstream: Placed<Upstream>) { self.upstream = upstream }
}

/// Servers that stand for each other, and how they are connected to.
package struct PoolConfiguration: Equatable, Sendable {
    package var name: String
    package var servers: [ServerConfiguration]
    /// A name that gives more of them; nil for none.
    package var resolve: Placed<ResolveRules>?
    package var balance = Balance.roundRobin
    /// Where connections come from, ports 0; empty where the kernel chooses.
    package var sources: [Placed<SocketAddress>] = []
    /// Of its TCP sockets, in the order in which they are set.
    package var options: [Placed<SocketOption>] = []
    /// Connections to TCP servers come from the client's own address.
    package var isTransparent = false
    /// Servers tried for one client after the first; nil for all there are.
    package var retries: Int?
    /// Nil where no server is ever left out.
    package var eject: EjectRules?
    /// Nil where servers have as many connections as come.
    package var serverLimits: ServerLimits?
    /// Nil where no server is checked.
    package var health: HealthRules?
    package var onDown = OnDown.keep
    /// How long a server that is back gets fewer connections than its share; nil for not at all.
    package var slowStartMillis: Int64?
    package var timeouts = Timeouts()
    /// The PROXY header that servers get; nil for none.
    package var header: HeaderRules?
    /// The path of the file that clients get for whom no server can be connected; nil for none.
    package var fallback: Placed<String>?

    package init(_ name: String, servers: [ServerConfiguration]) {
        self.name = name
        self.servers = servers
    }

    /// Of one round in which each server has as many as its weight says, by the smallest numbers that do.
    package var turnCount: Int { WeightedTurns.count(servers.map(\.weight)) }
}

/// What becomes of the sessions of a server that goes down by its health checks.
package enum OnDown: String, CaseIterable, Sendable {
    case keep
    case closeSessions = "close_sessions"
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

extension HeaderRules.Version {
    /// As flags and files spell it.
    package var name: String {
        switch self {
        case .v1: "v1"
        case .v2: "v2"
        }
    }

    static func parse(_ text: String) throws(ValueProblem) -> Self {
        guard let found = allCases.first(where: { $0.name == text }) else {
            throw ValueProblem.noChoice(allCases.map(\.name))
        }
        return found
    }
}

extension HeaderRules.Extras {
    static let names: [(name: String, extra: Self)] = [
        ("authority", .authority), ("alpn", .alpn), ("unique_id", .uniqueID), ("crc32c", .checksum),
    ]

    static func parse(_ text: String) throws(ValueProblem) -> Self {
        guard let found = names.first(where: { $0.name == text }) else {
            throw ValueProblem.noChoice(names.map(\.name))
        }
        return found.extra
    }
}
