import DataPlane
import LinuxCalls

/// Every name of a configuration, looked up.
struct Places {
    struct Bind {
        let endpoint: Placed<Endpoint>
        let backlog: Int32
        /// An index into the listeners.
        let listener: Int
        let addresses: [SocketAddress]
    }

    let binds: [Bind]
    /// Of each server of each pool; of the embedded echo server none.
    let servers: [[[SocketAddress]]]

    /// Throws the first name that cannot be looked up, and where all names together stand for too many addresses.
    init(_ configuration: ServeConfiguration) throws(Refusal) {
        var binds: [Bind] = []
        for (index, listener) in configuration.listeners.enumerated() {
            for endpoint in listener.bind {
                binds.append(
                    Bind(
                        endpoint: endpoint, backlog: listener.backlog, listener: index,
                        addresses: try Self.resolve(endpoint.value, endpoint.origin)))
            }
        }
        self.binds = binds
        servers = try configuration.pools.map { pool throws(Refusal) in
            try pool.servers.map { server throws(Refusal) in
                switch server.upstream.value {
                case .echo: []
                case .endpoint(let endpoint): try Self.resolve(endpoint, server.upstream.origin)
                }
            }
        }
        let count = servers.reduce(0) { $0 + $1.reduce(0) { $0 + max(1, $1.count) } }
        guard count <= ServeConfiguration.upstreamsMax else {
            throw Refusal(
                .failure,
                "the names of servers stand for \(count) addresses together; \(ServeConfiguration.upstreamsMax) is the most, leave some out"
            )
        }
    }

    private static func resolve(_ endpoint: Endpoint, _ origin: Origin) throws(Refusal) -> [SocketAddress] {
        do throws(ValueProblem) {
            return try Resolver.addresses(of: endpoint)
        } catch {
            throw Refusal(.failure, at: origin, value: endpoint.text, error)
        }
    }

    /// One for each listening address, in the order in which they are bound.
    private func listeners(_ configuration: ServeConfiguration) -> [ListenerSettings] {
        binds.flatMap { Array(repeating: configuration.listeners[$0.listener].settings, count: $0.addresses.count) }
    }

    /// What the workers are to know of the pools.
    /// - Parameter echo: the embedded server's address, where there is one.
    func poolSet(_ configuration: ServeConfiguration, echo: SocketAddress?, _ fallbacks: FallbackFiles) -> PoolSet {
        let pools = zip(configuration.pools, servers).map { pool, addressesOfServers in
            var settings = PoolSettings([], pool.balance)
            for (server, addresses) in zip(pool.servers, addressesOfServers) {
                let places = server.upstream.value.isEcho ? [echo].compactMap(\.self) : addresses
                settings.servers += places.map {
                    ServerSettings($0, weight: server.weight, isBackup: server.isBackup)
                }
            }
            settings.timeouts = pool.timeouts
            settings.sources = pool.sources.map(\.value)
            settings.eject = pool.eject
            settings.header = pool.header
            settings.attemptsMax = pool.retries.map { $0 + 1 } ?? .max
            settings.fallback = fallbacks.descriptor(of: pool)
            return settings
        }
        return PoolSet(pools, listeners: listeners(configuration))
    }
}
