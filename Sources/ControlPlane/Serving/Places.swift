import DataPlane
import LinuxCalls

/// Every name of a configuration, looked up.
struct Places {
    struct Bind {
        let endpoint: Placed<Endpoint>
        let backlog: Int32
        let options: [SocketOption]
        /// Of a UNIX socket's file.
        let mode: UInt32?
        /// An index into the listeners.
        let listener: Int
        let addresses: [SocketAddress]
        /// Sockets that this process was started with, one for each address; otherwise none.
        let inherited: [Int32]
    }

    let binds: [Bind]
    /// Of each server of each pool; of the embedded echo server none.
    let servers: [[[SocketAddress]]]

    /// Throws the first name that cannot be looked up, and where all names together stand for too many addresses.
    /// - Parameter sockets: those that this process was started with. What a listener names of them is the caller's from here on.
    init(_ configuration: ServeConfiguration, _ sockets: InheritedSockets) throws(Refusal) {
        var taken: Set<Int32> = []
        var binds: [Bind] = []
        for (index, listener) in configuration.listeners.enumerated() {
            for endpoint in listener.bind {
                let inherited = try Self.inherited(endpoint, sockets, &taken)
                binds.append(
                    Bind(
                        endpoint: endpoint, backlog: listener.backlog,
                        options: listener.options.map(\.value), mode: listener.mode?.value, listener: index,
                        addresses: inherited.isEmpty
                            ? try Self.resolve(endpoint.value, endpoint.origin) : inherited.map(\.address),
                        inherited: inherited.map(\.socket)))
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

    /// Nothing for an address that is to be bound.
    private static func inherited(
        _ endpoint: Placed<Endpoint>, _ sockets: InheritedSockets, _ taken: inout Set<Int32>
    ) throws(Refusal) -> [(socket: Int32, address: SocketAddress)] {
        guard case .inherited(let wanted) = endpoint.value.place else { return [] }
        do throws(ValueProblem) {
            let found = try sockets.take(wanted)
            for one in found where !taken.insert(one.socket).inserted {
                throw ValueProblem(
                    "is listened on twice, as descriptor \(one.socket) is named before", cure: "leave one of them out")
            }
            return found
        } catch {
            throw Refusal(.failure, at: endpoint.origin, value: endpoint.value.text, error)
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
    private func listeners(_ configuration: ServeConfiguration, clients: Int) -> [ListenerSettings] {
        let settings = configuration.listeners.map { $0.settings(clients: clients) }
        return binds.flatMap { Array(repeating: settings[$0.listener], count: $0.addresses.count) }
    }

    /// What the workers are to know of the pools.
    /// - Parameters:
    ///   - echo: the embedded server's address, where there is one.
    ///   - clients: addresses that can have connections at the same time, at most.
    func poolSet(
        _ configuration: ServeConfiguration, echo: SocketAddress?, clients: Int, _ fallbacks: FallbackFiles
    ) -> PoolSet {
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
            settings.options = pool.options.map(\.value)
            settings.isTransparent = pool.isTransparent
            settings.eject = pool.eject
            settings.isChecked = pool.health != nil
            settings.resetsSessionsOfFallen = pool.onDown == .closeSessions
            settings.slowStartMillis = pool.slowStartMillis ?? 0
            settings.header = pool.header
            settings.attemptsMax = pool.retries.map { $0 + 1 } ?? .max
            settings.fallback = fallbacks.descriptor(of: pool)
            return settings
        }
        return PoolSet(pools, listeners: listeners(configuration, clients: clients))
    }
}
