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

    /// - Parameter clients: addresses that can have connections at the same time, at most.
    func limits(clients: Int) -> ListenerLimits? {
        guard connections != nil || perClient != nil || ratePerClient != nil else { return nil }
        return ListenerLimits(
            connectionsMax: connections, clients: perClient.map { ClientTable(connectionsMax: $0, clients: clients) },
            rates: ratePerClient.map { RateTable(count: $0.count, periodNanos: Int64($0.seconds) * 1_000_000_000) })
    }
}
