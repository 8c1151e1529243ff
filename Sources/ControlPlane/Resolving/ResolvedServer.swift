import DataPlane
import LinuxCalls

/// A server that a name has given.
package struct ResolvedServer: Hashable, Sendable {
    package var host: HostAddress
    package var port: UInt16
    package var weight: Int
    package var isBackup: Bool

    package init(_ host: HostAddress, port: UInt16, weight: Int = 1, isBackup: Bool = false) {
        self.host = host
        self.port = port
        self.weight = weight
        self.isBackup = isBackup
    }

    package var address: SocketAddress { host.socketAddress(port: port) }

    /// Of one name, at most; those that come later in their order are left out.
    package static let countMax = 1_024

    /// The servers of addresses, in an order of their own, so that equal answers are equal.
    static func of(_ hosts: [HostAddress], port: UInt16) -> [ResolvedServer] {
        Set(hosts).sorted().prefix(countMax).map { ResolvedServer($0, port: port) }
    }

    /// The servers of services: those of the lowest priority, and all others as backups, in the order of their priorities (RFC 2782).
    ///
    /// One that several services lead to has the best of their priorities, and their weights of that one together.
    static func of(_ services: [(service: DNSMessage.Service, host: HostAddress)]) -> [ResolvedServer] {
        var priorities: [Place: UInt16] = [:]
        for (service, host) in services {
            let place = Place(service, host)
            priorities[place] = min(service.priority, priorities[place] ?? .max)
        }
        var weights: [Place: Int] = [:]
        for (service, host) in services where priorities[Place(service, host)] == service.priority {
            weights[Place(service, host), default: 0] += Int(service.weight)
        }
        var servers: [ResolvedServer] = []
        let lowest = priorities.values.min() ?? 0
        for priority in Set(priorities.values).sorted() {
            let places = priorities.filter { $0.value == priority }.keys.sorted()
            let scaled = scaled(places.map { weights[$0] ?? 0 })
            for (place, weight) in zip(places, scaled) {
                servers.append(
                    ResolvedServer(place.host, port: place.port, weight: weight, isBackup: priority > lowest))
            }
        }
        return Array(servers.prefix(countMax))
    }

    private struct Place: Hashable, Comparable {
        let host: HostAddress
        let port: UInt16

        init(_ service: DNSMessage.Service, _ host: HostAddress) {
            self.host = host
            port = service.port
        }

        static func < (a: Self, b: Self) -> Bool { (a.host, a.port) < (b.host, b.port) }
    }

    /// Weights of the same proportions, from 1 to what a pool takes; none at all counts as little as possible.
    static func scaled(_ weights: [Int]) -> [Int] {
        let most = weights.max() ?? 0
        let top = ServerSettings.weightMax
        return weights.map { max(1, most > top ? ($0 * top + most / 2) / most : $0) }
    }
}
