import LinuxCalls

/// Who may come through a listener, and which pool they go to.
package struct ListenerSettings: Sendable {
    /// Where clients go for whom no route is meant: an index into the pools; nil where they are reset.
    package var pool: Int?
    /// Nil where anybody may come.
    package var allow: AddressSet?
    /// Of those who may, these may not.
    package var deny: AddressSet?
    /// The first one that is meant is taken.
    package var routes: [Route] = []
    /// Peers that have to begin with a PROXY header, and speak for their clients; nil for none.
    package var proxies: AddressSet?
    /// So have clients of a UNIX socket.
    package var hasUNIXProxies = false
    /// For a PROXY header, and for a ClientHello, each from accept on.
    package var proxyMillis: Int64 = 3_000
    package var helloMillis: Int64 = 3_000

    /// Shared by all its addresses; nil where nothing is bounded.
    package var limits: ListenerLimits?
    /// Of each direction of a connection; 0 for no bound.
    package var bytesPerSecond: Int64 = 0

    package init(pool: Int?) { self.pool = pool }
}

/// Some clients, by all conditions that there are, and their pool; nil where they are reset.
package struct Route: Sendable {
    package let sources: AddressSet?
    /// By the name in their ClientHello, which tells the pool too.
    package let names: NameTable?
    /// By one of the protocols in their ClientHello.
    package let protocols: ProtocolTable?
    /// By the names' routes; one pool where there are no names.
    package let pools: [Int?]

    package init(_ sources: AddressSet? = nil, names: [String] = [], protocols: [String] = [], pool: Int?) {
        self.sources = sources
        self.names = names.isEmpty ? nil : NameTable([(names, 0)])
        self.protocols = protocols.isEmpty ? nil : ProtocolTable([(protocols, 0)])
        pools = [pool]
    }

    /// Several routes that have no condition but names, asked with one look however many they are. Of those that are meant for a client,
    /// the one with the nearest pattern is taken, so no pattern may have all names of a later one.
    package init(byNames routes: [(names: [String], pool: Int?)]) {
        sources = nil
        names = NameTable(routes.enumerated().map { ($0.element.names, $0.offset) })
        protocols = nil
        pools = routes.map(\.pool)
    }
}

/// The same in plain memory, which all workers read.
struct ListenerRecord: BitwiseCopyable {
    private static let nowhere = UInt16.max

    private let fallbackPool: UInt16
    /// Nil where nothing is bounded.
    let gate: ListenerGate?
    let bytesPerSecond: Int64
    private let allow: AddressSet.View?
    private let deny: AddressSet.View?
    private let proxies: AddressSet.View?
    private let hasUNIXProxies: Bool
    private let routes: UnsafeMutablePointer<RouteRecord>
    private let routeCount: Int
    private let asksForSource: Bool
    /// Clients are heard for a ClientHello.
    let looksAtHello: Bool
    private let proxyMillis: Int64
    private let helloMillis: Int64

    /// - Parameter tellsHello: whether a pool passes on what is in a ClientHello.
    init(_ settings: ListenerSettings, tellsHello: (Int) -> Bool) {
        fallbackPool = settings.pool.map { UInt16(clamping: $0) } ?? Self.nowhere
        gate = settings.limits?.gate
        bytesPerSecond = settings.bytesPerSecond
        allow = settings.allow?.view
        deny = settings.deny?.view
        proxies = settings.proxies?.view
        hasUNIXProxies = settings.hasUNIXProxies
        proxyMillis = settings.proxyMillis
        helloMillis = settings.helloMillis
        routeCount = settings.routes.count
        routes = .allocate(capacity: max(1, routeCount))
        asksForSource = settings.routes.contains { $0.sources != nil }
        let pools = ([settings.pool] + settings.routes.flatMap(\.pools)).compactMap(\.self)
        looksAtHello =
            settings.routes.contains { $0.names != nil || $0.protocols != nil } || pools.contains(where: tellsHello)
        for (index, route) in settings.routes.enumerated() {
            (routes + index).initialize(
                to: RouteRecord(
                    sources: route.sources?.view, names: route.names?.view, protocols: route.protocols?.view,
                    pools: route.pools.map { $0.map { UInt16(clamping: $0) } ?? Self.nowhere }))
        }
    }

    func release() {
        for index in 0..<routeCount { routes[index].release() }
        routes.deallocate()
    }

    /// The client's address decides whether it may come, or where it goes.
    var choosesByAddress: Bool { allow != nil || deny != nil || asksForSource }
    /// Who comes through here is asked for its address, for that or another purpose.
    var asksForAddress: Bool { choosesByAddress || hasProxies || gate?.countsClients == true }

    /// Some peers have to begin with a PROXY header.
    var hasProxies: Bool { proxies != nil || hasUNIXProxies }
    /// Some clients are heard before a pool is chosen for them.
    var greets: Bool { hasProxies || looksAtHello }

    /// How long a client may take, from accept on.
    func greetingMillis(owesHeader: Bool) -> Int64 { owesHeader ? proxyMillis : helloMillis }

    func isProxy(_ peer: borrowing SocketAddress, isTCP: Bool) -> Bool {
        guard isTCP else { return hasUNIXProxies }
        guard let proxies else { return false }
        return proxies.contains(peer)
    }

    /// A UNIX client has no address, and no list is about it: it may come, and no route from addresses has it.
    func admits(_ client: borrowing SocketAddress) -> Bool {
        guard client.isTCP else { return true }
        if let deny, deny.contains(client) { return false }
        guard let allow else { return true }
        return allow.contains(client)
    }

    /// Nil where the client is reset.
    func pool(for client: borrowing SocketAddress, _ hello: HelloView = HelloView()) -> UInt16? {
        for index in 0..<routeCount {
            if let pool = routes[index].pool(for: client, hello) { return known(pool) }
        }
        return known(fallbackPool)
    }

    private func known(_ pool: UInt16) -> UInt16? { pool == Self.nowhere ? nil : pool }
}

private struct RouteRecord: BitwiseCopyable {
    let sources: AddressSet.View?
    let names: NameTable.View?
    let protocols: ProtocolTable.View?
    /// By the names' routes.
    let pools: UnsafeMutablePointer<UInt16>

    init(
        sources: AddressSet.View?, names: NameTable.View?, protocols: ProtocolTable.View?, pools list: [UInt16]
    ) {
        self.sources = sources
        self.names = names
        self.protocols = protocols
        pools = .allocate(capacity: list.count)
        pools.initialize(from: list, count: list.count)
    }

    func release() { pools.deallocate() }

    /// Nil for a client that it is not meant for.
    func pool(for client: borrowing SocketAddress, _ hello: HelloView) -> UInt16? {
        if let sources, !sources.contains(client) { return nil }
        if let protocols {
            guard let offered = hello.protocols, protocols.route(for: offered) != nil else { return nil }
        }
        guard let names else { return pools[0] }
        return hello.name.flatMap { names.route(for: $0) }.map { pools[$0] }
    }
}
