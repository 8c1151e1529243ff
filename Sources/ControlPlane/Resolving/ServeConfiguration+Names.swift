extension ServeConfiguration {
    /// The names that give servers.
    package var namesOfServers: Set<ResolveRules> { Set(pools.compactMap { $0.resolve?.value }) }

    /// The same with the servers that names give now, behind those that are written down; who was drained stays so.
    package func with(servers: (ResolveRules) -> [ResolvedServer]) -> ServeConfiguration {
        var configuration = self
        for index in pools.indices {
            guard let rules = pools[index].resolve else { continue }
            configuration.pools[index].replaceResolved(by: servers(rules.value), at: rules.origin)
        }
        return configuration
    }
}

extension PoolConfiguration {
    /// Who is written down already stays as it is written.
    fileprivate mutating func replaceResolved(by resolved: [ResolvedServer], at origin: Origin) {
        let draining = Set(servers.filter { $0.isResolved && $0.isDraining }.compactMap(\.addressText))
        servers.removeAll(where: \.isResolved)
        let written = Set(servers.compactMap(\.addressText))
        for one in resolved {
            let text = "\(one.address)"
            // An address as this project writes it is one that it reads.
            guard !written.contains(text), let upstream = try? Upstream(text) else { continue }
            var server = ServerConfiguration(Placed(upstream, at: origin))
            server.weight = one.weight
            server.isBackup = one.isBackup
            server.isResolved = true
            server.isDraining = draining.contains(text)
            servers.append(server)
        }
    }
}

extension ServerConfiguration {
    /// Nil for a name, and for the echo server.
    fileprivate var addressText: String? {
        guard case .endpoint(let endpoint) = upstream.value, case .address(let address) = endpoint.place else {
            return nil
        }
        return "\(address)"
    }
}
