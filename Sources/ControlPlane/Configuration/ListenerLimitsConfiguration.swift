import DataPlane

/// What one listener takes; nil for no bound.
package struct ListenerLimitsConfiguration: Equatable, Sendable {
    /// At a time, of all its addresses.
    package var connections: Int?
    /// At a time, of one client address.
    package var perClient: Int?
    /// Of one client address.
    package var ratePerClient: ConnectionRate?
    /// Of each direction of each connection.
    package var bytesPerSecond: Int?

    package init() {}

    /// Whether anybody has to be counted for them.
    var countConnections: Bool { connections != nil || perClient != nil || ratePerClient != nil }

    /// - Parameters:
    ///   - clients: addresses that can have connections at the same time, at most.
    ///   - former: those of the same listener until now, whose connections go on being counted.
    func limits(clients: Int, continuing former: (rules: Self, limits: ListenerLimits)? = nil) -> ListenerLimits {
        let table = perClient.map { bound in
            former?.limits.clients.map { ClientTable($0, connectionsMax: bound) }
                ?? ClientTable(connectionsMax: bound, clients: clients)
        }
        let rates = ratePerClient.map { rate in
            former.flatMap { $0.rules.ratePerClient == rate ? $0.limits.rates : nil }
                ?? RateTable(count: rate.count, periodNanos: Int64(rate.seconds) * 1_000_000_000)
        }
        return ListenerLimits(
            connectionsMax: connections, clients: table, rates: rates, continuing: former?.limits)
    }
}
