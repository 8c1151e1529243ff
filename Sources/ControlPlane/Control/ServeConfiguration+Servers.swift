import ControlMessages
import LinuxCalls

extension ServeConfiguration {
    /// The same, with another word on one server. A name that stands for several addresses is one server.
    /// - Parameters:
    ///   - name: of the server, as it was written or as `ServerNames` calls one of its addresses; of a new one, what is to be written.
    ///   - addresses: of each server of each pool.
    func changed(
        _ order: ServerOrder, _ name: String, _ pool: String, addresses: [[[SocketAddress]]]
    ) throws(ControlFailure) -> ServeConfiguration {
        guard let index = pools.firstIndex(where: { $0.name == pool }) else {
            let names = pools.map(\.name).joined(separator: ", ")
            throw ControlFailure(.unknown, "there is no pool \(pool); the pools are \(names)")
        }
        var next = self
        let found = pools[index].place(of: name, addresses[index])
        if case .add(let weight, let isBackup) = order {
            guard found == nil else {
                throw ControlFailure(.conflict, "pool \(pool) has server \(name) already; change its weight instead")
            }
            var server = ServerConfiguration(Placed(try Self.upstream(name), at: .flag("server")))
            server.weight = try Self.checked(weight ?? 1)
            server.isBackup = isBackup
            next.pools[index].servers.append(server)
        } else {
            guard let found else {
                throw ControlFailure(
                    .unknown, "pool \(pool) has no server \(name); longsplice server list names all of them")
            }
            try next.pools[index].change(order, at: found)
        }
        guard next.pools[index].turnCount <= Self.turnsMax else {
            throw ControlFailure(.conflict, "the weights together make too long a round; write smaller ones")
        }
        return next
    }

    private static func upstream(_ text: String) throws(ControlFailure) -> Upstream {
        do throws(ValueProblem) {
            return try Upstream(text)
        } catch {
            throw ControlFailure(.wrong, "server \(text) \(error.reason); \(error.cure)")
        }
    }

    fileprivate static func checked(_ weight: Int) throws(ControlFailure) -> Int {
        guard Bounds.weight.contains(weight) else {
            throw ControlFailure(
                .wrong,
                "weight \(weight) is out of range; write \(Bounds.weight.lowerBound) to \(Bounds.weight.upperBound)")
        }
        return weight
    }
}

extension PoolConfiguration {
    /// - Parameter addresses: of each of its servers.
    fileprivate func place(of name: String, _ addresses: [[SocketAddress]]) -> Int? {
        if let place = servers.firstIndex(where: { $0.upstream.value.text == name }) { return place }
        let places = addresses.enumerated().flatMap { place, all in all.map { (place: place, text: "\($0)") } }
        let names = ServerNames(places.map(\.text)).all
        return names.firstIndex(of: name).map { places[$0].place }
    }

    fileprivate mutating func change(_ order: ServerOrder, at place: Int) throws(ControlFailure) {
        switch order {
        case .drain: servers[place].isDraining = true
        case .enable: servers[place].isDraining = false
        case .weight(let weight): servers[place].weight = try ServeConfiguration.checked(weight)
        case .remove:
            guard servers.count > 1 else {
                throw ControlFailure(
                    .conflict, "it is the only server of pool \(name); drain it instead, or add another one first")
            }
            servers.remove(at: place)
        case .add: preconditionFailure("PoolConfiguration: added where it is already")
        }
    }
}
