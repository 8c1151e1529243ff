import ControlMessages
import DataPlane
import LinuxCalls

extension Server {
    /// Every pool and server as it is now, in the configuration's order.
    /// - Parameter now: in milliseconds of the monotonic clock.
    func controlPools(at now: Int64) -> [ControlPool] {
        var failures: [Int: [String: UInt64]] = [:]
        for entry in connectFailures.added(since: ConnectFailures(upstreamCount: upstreams.count)) {
            failures[entry.upstream, default: [:]][Totals.snakeCase("\(entry.cause)")] = entry.count
        }
        return configuration.pools.map { configuration in
            let pool = pool(configuration.name) ?? PoolSettings([])
            let names = ServerNames(pool.servers.map { "\($0.address)" })
            let servers = zip(pool.servers, names.all).map { server, name in
                let number = server.number.map(Int.init) ?? 0
                var said = ControlServer(server, name, serverStates[number], pool, at: now)
                said.connectFailures = failures[number] ?? [:]
                if pool.isChecked {
                    said.health = ControlHealth(
                        down: serverStates[number].isDown, lastFailure: checkFailure(of: number))
                }
                return said
            }
            return ControlPool(name: configuration.name, balance: pool.balance.name, servers: servers)
        }
    }
}

/// What the servers of a pool are called: their addresses, with `#2` behind the second one of the same address.
struct ServerNames {
    let all: [String]

    init(_ addresses: [String]) {
        var seen: [String: Int] = [:]
        all = addresses.map { address in
            seen[address, default: 0] += 1
            let count = seen[address] ?? 1
            return count == 1 ? address : "\(address)#\(count)"
        }
    }
}

extension ControlServer {
    fileprivate init(
        _ server: ServerSettings, _ name: String, _ state: ServerStates.State, _ pool: PoolSettings, at now: Int64
    ) {
        self.init(
            name: name, address: "\(server.address)", weight: server.weight, backup: server.isBackup,
            state: State(server, state, pool, at: now), connections: max(0, state.connections),
            ejections: state.ejections)
        if pool.eject != nil { failuresInRow = state.failuresInRow }
        if state.ejectedUntilMillis > now { ejectedForSeconds = Double(state.ejectedUntilMillis - now) / 1_000 }
    }
}

extension ControlServer.State {
    /// What keeps it from connections; of several things the one that lasts.
    fileprivate init(_ server: ServerSettings, _ state: ServerStates.State, _ pool: PoolSettings, at now: Int64) {
        let back = max(state.upSinceMillis, state.ejectedUntilMillis)
        self =
            if server.isDraining {
                .draining
            } else if state.isDown {
                .down
            } else if state.ejectedUntilMillis > now {
                .ejected
            } else if back > 0 && now &- back < pool.slowStartMillis {
                .slowStart
            } else {
                .up
            }
    }
}
