import DataPlane
import LinuxCalls

/// The numbers by which workers know pools, servers and listeners: each keeps its own for life, whatever else changes.
///
/// A pool is known by its name, a server by its pool and address, a listener by its name and address. Pools and listeners that are gone
/// keep their number for when they come back; a server's is given to another one when no worker can mean the old one any more. For the
/// main thread alone.
final class Roster {
    /// Numbers for life need room for those that come and go.
    static let serversMax = 65_535
    private static let poolsMax = 65_535

    let states: ServerStates
    private(set) var generation: UInt64 = 0
    /// By the servers' numbers: who has it, or had it last.
    private(set) var servers: [SocketAddress] = []
    /// By the listeners' numbers: their addresses with the real ports.
    private(set) var listenerNames: [String] = []

    private var pools: [String: Int] = [:]
    /// By the pools' numbers.
    private var poolSettings: [PoolSettings] = []
    private var numbers: [ServerKey: UInt16] = [:]
    private var retired: [Retired] = []
    private var listeners: [ListenerKey: UInt16] = [:]
    /// By the listeners' numbers.
    private var listenerSettings: [ListenerSettings] = []
    private var limits: [String: (rules: ListenerLimitsConfiguration, limits: ListenerLimits)] = [:]

    private struct ServerKey: Hashable {
        let pool: Int
        let address: String
        /// Of those with the same address in the same pool.
        let turn: Int
    }

    private struct ListenerKey: Hashable {
        let name: String
        let socket: SocketKey
    }

    private struct Retired {
        let number: UInt16
        let generation: UInt64
        let atMillis: Int64
    }

    /// - Parameter isChangeable: whether there will be another generation; otherwise there is room for `servers` and no more.
    init(isChangeable: Bool, servers: Int) {
        states = ServerStates(servers: isChangeable ? Self.serversMax : servers)
    }

    // MARK: Listeners

    /// The number of a listener, new or as it was.
    func number(of name: String, at socket: SocketKey) throws(Refusal) -> UInt16 {
        if let known = listeners[ListenerKey(name: name, socket: socket)] { return known }
        guard listenerSettings.count < Int(UInt16.max) else {
            throw Refusal(.failure, "there have been 65,535 listeners since the start; restart the process")
        }
        let number = UInt16(listenerSettings.count)
        listeners[ListenerKey(name: name, socket: socket)] = number
        listenerSettings.append(ListenerSettings(pool: nil))
        listenerNames.append("")
        return number
    }

    /// Where a listener listens, with the real port.
    func name(_ number: UInt16, _ address: SocketAddress) { listenerNames[Int(number)] = "\(address)" }

    // MARK: Generations

    /// Whether everything that is new in it can be numbered. Numbers of servers that it leaves out are not free yet.
    /// - Parameters:
    ///   - addresses: of each server of each pool, in the configuration's order.
    ///   - adopted: the generation that every worker goes by at least.
    func hasRoom(
        for configuration: ServeConfiguration, servers addresses: [[[SocketAddress]]], adopted: UInt64, at now: Int64
    ) -> Bool {
        reclaim(adopted, at: now)
        var (newPools, newServers) = (0, 0)
        for (pool, addresses) in zip(configuration.pools, addresses) {
            let places = addresses.flatMap(\.self)
            if let number = pools[pool.name] {
                newServers += keys(of: places, in: number).count { numbers[$0] == nil }
            } else {
                newPools += 1
                newServers += places.count
            }
        }
        return poolSettings.count + newPools <= Self.poolsMax
            && newServers <= states.capacity - servers.count + free.count
    }

    /// The next generation. What cannot fail any more.
    /// - Parameters:
    ///   - addresses: of each server of each pool, in the configuration's order.
    ///   - sockets: the listeners' numbers and addresses.
    ///   - clients: addresses that can have connections at the same time, at most.
    ///   - counts: whether the connections of listeners without limits are counted as well, since they may get some.
    func next(
        _ configuration: ServeConfiguration, servers addresses: [[[SocketAddress]]], sockets: [Opening],
        clients: Int, counts: Bool, _ fallbacks: FallbackFiles, at now: Int64
    ) -> PoolSet {
        generation += 1
        givenAgain = []
        let indices = configuration.pools.map { number(of: $0) }
        var kept: Set<ServerKey> = []
        for number in poolSettings.indices where !indices.contains(number) { poolSettings[number].servers = [] }
        for (index, pool) in configuration.pools.enumerated() {
            poolSettings[indices[index]] = settings(
                of: pool, number: indices[index], addresses[index], fallbacks, &kept)
        }
        for (key, number) in numbers where !kept.contains(key) {
            numbers[key] = nil
            retired.append(Retired(number: number, generation: generation, atMillis: now))
        }
        set(configuration, sockets, indices, clients: clients, counts: counts)
        return PoolSet(poolSettings, listeners: listenerSettings, states: states, generation: generation)
    }

    private func number(of pool: PoolConfiguration) -> Int {
        if let known = pools[pool.name] { return known }
        precondition(poolSettings.count < Self.poolsMax, "Roster: too many pools; ask hasRoom first")
        pools[pool.name] = poolSettings.count
        poolSettings.append(PoolSettings([]))
        return poolSettings.count - 1
    }

    private func settings(
        of pool: PoolConfiguration, number poolNumber: Int, _ addresses: [[SocketAddress]], _ fallbacks: FallbackFiles,
        _ kept: inout Set<ServerKey>
    ) -> PoolSettings {
        var settings = PoolSettings([], pool.balance)
        let keys = keys(of: addresses.flatMap(\.self), in: poolNumber)
        kept.formUnion(keys)
        settings.servers = zip(pool.servers, addresses).flatMap { server, places in
            places.map { address in
                var one = ServerSettings(address, weight: server.weight, isBackup: server.isBackup)
                one.isDraining = server.isDraining
                return one
            }
        }
        for (place, key) in keys.enumerated() {
            settings.servers[place].number = number(of: key, settings.servers[place].address)
        }
        settings.timeouts = pool.timeouts
        settings.sources = pool.sources.map(\.value)
        settings.options = pool.options.map(\.value)
        settings.isTransparent = pool.isTransparent
        settings.eject = pool.eject
        settings.limits = pool.serverLimits
        settings.isChecked = pool.health != nil
        settings.resetsSessionsOfFallen = pool.onDown == .closeSessions
        settings.slowStartMillis = pool.slowStartMillis ?? 0
        settings.header = pool.header
        settings.attemptsMax = pool.retries.map { $0 + 1 } ?? .max
        settings.fallback = fallbacks.descriptor(of: pool)
        return settings
    }

    private func keys(of addresses: [SocketAddress], in pool: Int) -> [ServerKey] {
        var turns: [String: Int] = [:]
        return addresses.map { address in
            let text = "\(address)"
            defer { turns[text, default: 0] += 1 }
            return ServerKey(pool: pool, address: text, turn: turns[text, default: 0])
        }
    }

    private func number(of key: ServerKey, _ address: SocketAddress) -> UInt16 {
        if let known = numbers[key] { return known }
        let number: UInt16
        if servers.count < states.capacity && free.isEmpty {
            number = UInt16(servers.count)
            servers.append(address)
        } else {
            precondition(!free.isEmpty, "Roster: no number is free; ask hasRoom first")
            number = free.removeFirst()
            givenAgain.append(Int(number))
            servers[Int(number)] = address
        }
        states.admit(Int(number), address)
        numbers[key] = number
        return number
    }

    /// Of servers that nobody can mean any more, the one that is so longest first.
    private var free: [UInt16] = []
    /// Numbers that the last generation has given to other servers than those that had them before.
    private(set) var givenAgain: [Int] = []

    /// A number is kept back for a while, so that what was said of its old server has been written.
    private static let reclaimAfterMillis: Int64 = 10_000

    private func reclaim(_ adopted: UInt64, at now: Int64) {
        retired.removeAll { one in
            guard one.generation <= adopted, one.atMillis + Self.reclaimAfterMillis <= now,
                states[Int(one.number)].connections == 0
            else { return false }
            free.append(one.number)
            return true
        }
    }

    private func set(
        _ configuration: ServeConfiguration, _ sockets: [Opening], _ pools: [Int], clients: Int, counts: Bool
    ) {
        for listener in configuration.listeners {
            let name = listener.name
            guard counts || listener.limits.countConnections else { continue }
            limits[name] = (
                listener.limits, listener.limits.limits(clients: clients, continuing: limits[name])
            )
        }
        let settings = configuration.listeners.map { $0.settings(limits[$0.name]?.limits) { pools[$0] } }
        for socket in sockets {
            listenerSettings[Int(socket.number)] = settings[socket.listener]
            name(socket.number, socket.address)
        }
    }

    // MARK: Questions

    /// What workers know of a pool; nil for one that never was.
    func pool(_ name: String) -> PoolSettings? { pools[name].map { poolSettings[$0] } }

    /// Connections of a listener now; nil where they are not counted.
    func connections(ofListener name: String) -> Int? { limits[name]?.limits.current }
}

/// A listening socket's identity while the process lasts: where it listens, and which one of those that were asked to listen there.
struct SocketKey: Hashable {
    let address: String
    let turn: Int
}

/// A socket of a listener, in one generation.
struct Opening {
    let number: UInt16
    /// With the real port.
    let address: SocketAddress
    /// An index into the configuration's listeners.
    let listener: Int
}
