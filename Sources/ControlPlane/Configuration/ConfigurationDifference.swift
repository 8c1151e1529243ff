import LinuxCalls

/// What is different between two configurations, and what it means for a process that changes from one to the other.
package struct ConfigurationDifference: Equatable, Sendable {
    /// Listeners, pools and servers, a sentence for each, such as `pool web: server 10.0.0.2:80 is removed, 12 connections go on`.
    package private(set) var changes: [String] = []
    /// Keys that a running process cannot change, and that differ.
    package private(set) var needsRestart: [String] = []

    /// The same in sentences.
    package var unchanged: [String] { needsRestart.map { "\($0) stays as it was until the process is restarted" } }

    package var isEmpty: Bool { changes.isEmpty && needsRestart.isEmpty }

    /// Connections that there are now.
    package struct Flows {
        /// Nil where they are not counted.
        let ofListener: (String) -> Int?
        /// Of a server of a pool, by its addresses.
        let ofServer: (String, [SocketAddress]) -> Int

        package init(ofListener: @escaping (String) -> Int?, ofServer: @escaping (String, [SocketAddress]) -> Int) {
            self.ofListener = ofListener
            self.ofServer = ofServer
        }
    }

    package init(from old: ServeConfiguration, to new: ServeConfiguration, flows: Flows) {
        compareListeners(old, new, flows)
        comparePools(old, new, flows)
        compareProcess(old, new)
    }

    // MARK: Listeners

    private mutating func compareListeners(_ old: ServeConfiguration, _ new: ServeConfiguration, _ flows: Flows) {
        for listener in new.listeners {
            guard let former = old.listeners.first(where: { $0.name == listener.name }) else {
                let places = listener.bind.map(\.value.text).joined(separator: ", ")
                changes.append("listener \(listener.name) is added on \(places)")
                continue
            }
            let kept = former.bind.filter(listener.bind.contains)
            for bind in listener.bind where !former.bind.contains(bind) {
                changes.append("listener \(listener.name) is added on \(bind.value.text)")
            }
            for bind in former.bind where !kept.contains(bind) {
                changes.append("listener \(listener.name) is removed from \(bind.value.text)")
            }
            let rules = (former.rules(old.pools), listener.rules(new.pools))
            if rules.0 != rules.1 {
                changes.append("listener \(listener.name) takes and routes clients by other rules")
            }
            if !kept.isEmpty && former.sockets != listener.sockets {
                needsRestart.append("the socket options of listener \(listener.name) where it listens already")
            }
        }
        for listener in old.listeners where !new.listeners.contains(where: { $0.name == listener.name }) {
            changes.append("listener \(listener.name) is removed\(Self.going(flows.ofListener(listener.name)))")
        }
    }

    /// What becomes of connections.
    private static func going(_ count: Int?) -> String {
        switch count {
        case nil, 0: ""
        case 1: ", 1 connection goes on"
        case let count?: ", \(count) connections go on"
        }
    }

    // MARK: Pools

    private mutating func comparePools(_ old: ServeConfiguration, _ new: ServeConfiguration, _ flows: Flows) {
        for pool in new.pools {
            guard let former = old.pools.first(where: { $0.name == pool.name }) else {
                let count = pool.servers.count
                changes.append("pool \(pool.name) is added with \(count) \(count == 1 ? "server" : "servers")")
                continue
            }
            compareServers(former, pool, flows)
            var (before, after) = (former, pool)
            (before.servers, after.servers) = ([], [])
            if before != after { changes.append("pool \(pool.name) has other rules") }
        }
        for pool in old.pools where !new.pools.contains(where: { $0.name == pool.name }) {
            let count = pool.servers.reduce(0) { $0 + flows.ofServer(pool.name, $1.addresses) }
            changes.append("pool \(pool.name) is removed\(Self.going(count))")
        }
    }

    private mutating func compareServers(_ old: PoolConfiguration, _ new: PoolConfiguration, _ flows: Flows) {
        func text(_ server: ServerConfiguration) -> String { server.upstream.value.text }
        for server in new.servers {
            guard let former = old.servers.first(where: { $0.upstream == server.upstream }) else {
                changes.append("pool \(new.name): server \(text(server)) is added")
                continue
            }
            let going = Self.going(flows.ofServer(new.name, server.addresses))
            if former.isDraining != server.isDraining {
                changes.append(
                    "pool \(new.name): server \(text(server)) \(server.isDraining ? "is drained\(going)" : "takes connections again")"
                )
            }
            if former.weight != server.weight || former.isBackup != server.isBackup {
                changes.append(
                    "pool \(new.name): server \(text(server)) has weight \(server.weight)\(server.isBackup ? " as a backup" : "")"
                )
            }
        }
        for server in old.servers where !new.servers.contains(where: { $0.upstream == server.upstream }) {
            let going = Self.going(flows.ofServer(new.name, server.addresses))
            changes.append("pool \(new.name): server \(text(server)) is removed\(going)")
        }
    }

    // MARK: What stays until the next start

    private mutating func compareProcess(_ old: ServeConfiguration, _ new: ServeConfiguration) {
        func compare<Value: Equatable>(_ name: String, _ key: KeyPath<ServeConfiguration, Value>) {
            if old[keyPath: key] != new[keyPath: key] { needsRestart.append(name) }
        }
        compare("workers", \.workers)
        compare("engine", \.engine)
        compare("relay", \.relay)
        compare("uring", \.ring)
        compare("pipes.size", \.pipeBytes)
        compare("pipes.chunk", \.chunkBytes)
        compare("buffers", \.buffers)
        compare("spin_micros", \.spinMicros)
        compare("limits.connections", \.maxConnections)
        compare("limits.connections_per_client", \.maxConnectionsPerClient)
        compare("access_log", \.accessLog)
        compare("access_log.format", \.accessLogFormat)
        compare("control", \.control)
        compare("log.format", \.logFormat)
        compare("log.level", \.logLevel)
        compare("log.stats", \.statsMillis)
    }
}

extension ListenerConfiguration {
    /// What is asked of its sockets, which is done where they are opened.
    fileprivate var sockets: Sockets { Sockets(backlog: backlog, options: options, mode: mode) }

    fileprivate struct Sockets: Equatable {
        let backlog: Int32
        let options: [Placed<SocketOption>]
        let mode: Placed<UInt32>?
    }

    /// Who may come and where they go, pools by their names.
    fileprivate func rules(_ pools: [PoolConfiguration]) -> Rules {
        var listener = self
        listener.bind = []
        listener.backlog = 0
        listener.options = []
        listener.mode = nil
        listener.pool = nil
        for index in listener.routes.indices { listener.routes[index].pool = nil }
        let routes = [pool] + self.routes.map(\.pool)
        return Rules(listener: listener, pools: routes.map { $0.map { pools[$0].name } })
    }

    fileprivate struct Rules: Equatable {
        let listener: ListenerConfiguration
        let pools: [String?]
    }
}

extension ServerConfiguration {
    /// Nothing for a name, whose addresses are not known here.
    fileprivate var addresses: [SocketAddress] {
        guard case .endpoint(let endpoint) = upstream.value, case .address(let address) = endpoint.place else {
            return []
        }
        return [address]
    }
}
