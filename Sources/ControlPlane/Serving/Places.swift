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
        /// An index into the listeners, and its name.
        let listener: Int
        let name: String
        let addresses: [SocketAddress]
        /// Sockets that this process was started with, one for each address; otherwise none.
        let inherited: [Int32]
    }

    let binds: [Bind]
    /// Of each server of each pool; of the embedded echo server none.
    let servers: [[[SocketAddress]]]

    /// Throws the first name that cannot be looked up, and where all names together stand for too many addresses.
    /// - Parameters:
    ///   - sockets: those that this process was started with. What a listener names of them is the caller's from here on.
    ///   - former: what is served until now, which has taken all of those sockets that it will; nil at the start.
    ///   - known: names that are not looked up, and their addresses.
    init(
        _ configuration: ServeConfiguration, _ sockets: InheritedSockets, after former: Places? = nil,
        known: [String: [SocketAddress]] = [:]
    ) throws(Refusal) {
        var taken: Set<Int32> = []
        var binds: [Bind] = []
        for (index, listener) in configuration.listeners.enumerated() {
            for endpoint in listener.bind {
                let inherited =
                    if let former { try former.inherited(endpoint) } else {
                        try Self.inherited(endpoint, sockets, &taken)
                    }
                binds.append(
                    Bind(
                        endpoint: endpoint, backlog: listener.backlog,
                        options: listener.options.map(\.value), mode: listener.mode?.value, listener: index,
                        name: listener.name,
                        addresses: inherited.isEmpty
                            ? try Self.resolve(endpoint.value, endpoint.origin, known) : inherited.map(\.address),
                        inherited: inherited.map(\.socket)))
            }
        }
        self.binds = binds
        servers = try configuration.pools.map { pool throws(Refusal) in
            try pool.servers.map { server throws(Refusal) in
                switch server.upstream.value {
                case .echo: []
                case .endpoint(let endpoint): try Self.resolve(endpoint, server.upstream.origin, known)
                }
            }
        }
        let count = serverCount
        guard count <= ServeConfiguration.upstreamsMax else {
            throw Refusal(
                .failure,
                "the names of servers stand for \(count) addresses together; \(ServeConfiguration.upstreamsMax) is the most, leave some out"
            )
        }
    }

    /// Every name with the addresses that it had when it was looked up.
    /// - Parameter configuration: the one that these are the places of.
    func known(_ configuration: ServeConfiguration) -> [String: [SocketAddress]] {
        var known: [String: [SocketAddress]] = [:]
        for bind in binds where bind.endpoint.value.isName { known[bind.endpoint.value.text] = bind.addresses }
        for (pool, addresses) in zip(configuration.pools, servers) {
            for (server, addresses) in zip(pool.servers, addresses) {
                guard case .endpoint(let endpoint) = server.upstream.value, endpoint.isName else { continue }
                known[endpoint.text] = addresses
            }
        }
        return known
    }

    /// A socket that was inherited at the start and is listened on since; nothing for an address that is to be bound.
    private func inherited(_ endpoint: Placed<Endpoint>) throws(Refusal) -> [(socket: Int32, address: SocketAddress)] {
        guard case .inherited = endpoint.value.place else { return [] }
        guard let known = binds.first(where: { $0.endpoint == endpoint }) else {
            throw Refusal(
                .failure, at: endpoint.origin, value: endpoint.value.text,
                ValueProblem(
                    "is a socket that was not taken when this process began", cure: "restart the process for it"))
        }
        return Array(zip(known.inherited, known.addresses))
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

    private static func resolve(
        _ endpoint: Endpoint, _ origin: Origin, _ known: [String: [SocketAddress]]
    ) throws(Refusal) -> [SocketAddress] {
        if let addresses = known[endpoint.text] { return addresses }
        do throws(ValueProblem) {
            return try Resolver.addresses(of: endpoint)
        } catch {
            throw Refusal(.failure, at: origin, value: endpoint.text, error)
        }
    }

    /// Each address that is listened on, in the order in which they are bound.
    var sockets: [(key: SocketKey, bind: Bind, place: Int)] {
        var turns: [String: Int] = [:]
        return binds.flatMap { bind in
            bind.addresses.indices.map { place in
                let text = "\(bind.addresses[place])"
                defer { turns[text, default: 0] += 1 }
                return (SocketKey(address: text, turn: turns[text, default: 0]), bind, place)
            }
        }
    }

    /// Of all pools, an embedded echo server among them.
    var serverCount: Int { servers.reduce(0) { $0 + $1.reduce(0) { $0 + max(1, $1.count) } } }

    /// The same with the embedded echo server's address where it is named.
    func servers(_ configuration: ServeConfiguration, echo: SocketAddress?) -> [[[SocketAddress]]] {
        zip(configuration.pools, servers).map { pool, addresses in
            zip(pool.servers, addresses).map { server, addresses in
                server.upstream.value.isEcho ? [echo].compactMap(\.self) : addresses
            }
        }
    }
}
