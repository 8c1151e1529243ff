import LinuxCalls

/// Who may come through a listener, and which pool they go to.
package struct ListenerSettings: Sendable {
    /// Where clients go for whom no route is meant: an index into the pools; nil where they are reset.
    package var pool: Int?
    /// Nil where anybody may come.
    package var allow: AddressSet?
    /// Of those who may, these may not.
    package var deny: AddressSet?
    /// The first one that has the client's address is taken.
    package var routes: [SourceRoute] = []

    /// Shared by all its addresses; nil where nothing is bounded.
    package var limits: ListenerLimits?
    /// Of each direction of a connection; 0 for no bound.
    package var bytesPerSecond: Int64 = 0

    package init(pool: Int?) { self.pool = pool }
}

/// Clients from some addresses, and their pool; nil where they are reset.
package struct SourceRoute: Sendable {
    package var sources: AddressSet
    package var pool: Int?

    package init(_ sources: AddressSet, pool: Int?) {
        self.sources = sources
        self.pool = pool
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
    private let routes: UnsafeMutablePointer<(sources: AddressSet.View, pool: UInt16)>
    private let routeCount: Int

    init(_ settings: ListenerSettings) {
        fallbackPool = settings.pool.map { UInt16(clamping: $0) } ?? Self.nowhere
        gate = settings.limits?.gate
        bytesPerSecond = settings.bytesPerSecond
        allow = settings.allow?.view
        deny = settings.deny?.view
        routeCount = settings.routes.count
        routes = .allocate(capacity: max(1, routeCount))
        for (index, route) in settings.routes.enumerated() {
            let pool = route.pool.map { UInt16(clamping: $0) } ?? Self.nowhere
            (routes + index).initialize(to: (route.sources.view, pool))
        }
    }

    func release() { routes.deallocate() }

    /// The client's address decides something here.
    var asksForAddress: Bool { allow != nil || deny != nil || routeCount > 0 }

    /// A UNIX client has no address, and no list is about it: it may come, and no route has it.
    func admits(_ client: borrowing SocketAddress) -> Bool {
        guard client.isTCP else { return true }
        if let deny, deny.contains(client) { return false }
        guard let allow else { return true }
        return allow.contains(client)
    }

    /// Nil where the client is reset.
    func pool(for client: borrowing SocketAddress) -> UInt16? {
        for index in 0..<routeCount where routes[index].sources.contains(client) { return known(routes[index].pool) }
        return poolOfRest
    }

    var poolOfRest: UInt16? { known(fallbackPool) }

    private func known(_ pool: UInt16) -> UInt16? { pool == Self.nowhere ? nil : pool }
}
