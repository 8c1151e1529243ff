import DataPlane
import LinuxCalls

// What no value can show by itself.
extension FileDraft {
    /// The values together; what contradicts is noted.
    mutating func finished(_ reading: inout FileReading) -> ServeConfiguration {
        dependentValues(&reading)
        names(of: listeners.map(\.name), "listener", &reading)
        names(of: pools.map(\.name), "pool", &reading)
        addresses(&reading)
        servers(&reading)
        for pool in pools { rules(of: pool, &reading) }
        configuration.control = controlSettings
        configuration.pools = pools.map { draft in
            var pool = draft.pool
            pool.name = draft.name?.value ?? ""
            pool.header = header(draft, &reading)
            pool.resolve = resolve(draft, &reading)
            pool.options = draft.socket.options
            pool.onDown = draft.onDown?.value ?? .keep
            pool.slowStartMillis = draft.slowStart?.value
            return pool
        }
        for draft in listeners {
            var listener = draft.listener
            listener.name = draft.name?.value ?? ""
            listener.options = draft.socket.options
            socketOptions(draft, &reading)
            route(draft, &listener, &reading)
            configuration.listeners.append(listener)
        }
        return configuration
    }

    /// Pools that no listener leads to: they do no harm, but are seldom meant.
    func warnings(_ configuration: ServeConfiguration) -> [FileProblem] {
        let used = Set(configuration.listeners.flatMap { [$0.pool] + $0.routes.map(\.pool) }.compactMap(\.self))
        return pools.enumerated().filter { !used.contains($0.offset) }.map { _, draft in
            FileProblem(
                draft.place,
                ValueProblem("is a pool that no listener names", cure: "name it in a listener or leave it out"),
                value: draft.name?.value, isWarning: true)
        }
    }

    private mutating func dependentValues(_ reading: inout FileReading) {
        do throws(ValueProblem) {
            try configuration.setDepths(ringDepth?.value, completions: completionDepth?.value)
        } catch {
            reading.note(completionDepth, error, value: completionDepth.map { "\($0.value)" })
        }
        do throws(ValueProblem) {
            try configuration.setPipes(
                pipeBytes?.value, chunk: chunkBytes?.value, pipeBytesMax: reading.pipeBytesMax)
        } catch {
            reading.note(chunkBytes, error, value: chunkBytes.map { "\(ByteSize(bytes: $0.value))" })
        }
        if let accessLog { configuration.accessLogOrigin = accessLog.origin }
        guard accessLog != nil || !hasAccessLogPlace else { return }
        do throws(ValueProblem) {
            try configuration.setAccessLog(accessLog?.value, format: accessLogFormat?.value)
        } catch {
            reading.note(accessLogFormat, error, value: accessLogFormat?.value.rawValue)
        }
    }

    private func names(of names: [Placed<String>?], _ what: String, _ reading: inout FileReading) {
        var seen: [String: Origin] = [:]
        for case let name? in names {
            if let first = seen[name.value] {
                reading.note(
                    name,
                    ValueProblem("is another \(what)'s name, in line \(first.line) too", cure: "choose another name"),
                    value: name.value)
            }
            seen[name.value] = seen[name.value] ?? name.origin
        }
    }

    /// Of a list as a whole: where its first item is.
    private static func place(_ key: String, _ first: FilePlace?, _ reading: FileReading) -> FilePlace {
        FilePlace(file: reading.file, line: first?.line ?? 1, column: first?.column ?? 1, key: key)
    }

    // MARK: Listeners

    private func addresses(_ reading: inout FileReading) {
        let all = listeners.flatMap { draft in
            draft.listener.bind.map { (bind: $0, interface: draft.socket.interface) }
        }
        if all.count > ListenerKeys.addressesMax {
            reading.note(
                Self.place("listeners", listeners.first?.place, reading), "bind \(all.count) addresses",
                cure: "write at most \(ListenerKeys.addressesMax)")
        }
        var seen: [String: Origin] = [:]
        for (bind, interface) in all {
            guard let address = bind.value.identity else { continue }
            // The same address on another interface is another one.
            let identity = "\(address) \(bind.value.isUNIX ? "" : interface)"
            if let first = seen[identity] {
                reading.note(
                    bind,
                    ValueProblem("is listened on twice, in line \(first.line) too", cure: "leave one of them out"),
                    value: bind.value.text)
            }
            seen[identity] = seen[identity] ?? bind.origin
        }
    }

    /// What no address of the listener has use for.
    private func socketOptions(_ draft: ListenerDraft, _ reading: inout FileReading) {
        let binds = draft.listener.bind.map(\.value)
        guard !binds.isEmpty else { return }
        if binds.allSatisfy(\.isUNIX), let option = draft.socket.options.first {
            reading.note(
                option, ValueProblem("is for TCP, and all addresses here are UNIX sockets", cure: "leave it out"))
        }
        if !binds.contains(where: \.hasFile) {
            reading.note(
                draft.listener.mode,
                ValueProblem("is for UNIX sockets with a file, and there is none here", cure: "leave it out"))
        }
    }

    /// Where the listener's clients go.
    private mutating func route(
        _ draft: ListenerDraft, _ listener: inout ListenerConfiguration, _ reading: inout FileReading
    ) {
        guard let last = draft.routes.last else {
            listener.pool = poolIndex(of: draft, &reading)
            return
        }
        if draft.namesPool {
            reading.note(
                last.place, "stands beside pool",
                cure: "leave one of them out; a route without conditions is for all clients that are left")
        }
        for (index, route) in draft.routes.enumerated() {
            if route.endCount == 0 {
                reading.note(
                    route.place, "leads nowhere", cure: "write pool: NAME, fallback_file: PATH or reject: true")
            } else if route.endCount > 1 {
                reading.note(
                    route.place, "leads to more than one of pool, fallback_file and reject",
                    cure: "leave all but one of them out")
            }
            if route.isForAll && index < draft.routes.count - 1 {
                reading.note(
                    route.place, "is for all clients, so the routes behind it are never taken", cure: "write it last")
            }
        }
        Self.repeatedNames(draft.routes, &reading)
        var routes: [RouteConfiguration] = []
        for route in draft.routes {
            var configured = RouteConfiguration(
                route.sources,
                pool: route.poolName.flatMap { poolIndex(named: $0, &reading) }
                    ?? route.fallback.map { poolIndex(answeringWith: $0) })
            configured.names = route.names.map(\.value)
            configured.protocols = route.protocols.map(\.value)
            routes.append(configured)
        }
        if last.isForAll {
            listener.routes = routes.dropLast()
            listener.pool = routes.last?.pool
        } else {
            // Who is not meant by any route is not meant to come.
            listener.routes = routes
            listener.pool = nil
        }
    }

    /// A pool without servers, whose clients get a file.
    private mutating func poolIndex(answeringWith fallback: Placed<String>) -> Int {
        let name = "fallback_file \(fallback.value)"
        if let index = configuration.pools.firstIndex(where: { $0.name == name }) { return index }
        var pool = PoolConfiguration(name, servers: [])
        pool.fallback = fallback
        configuration.pools.append(pool)
        return configuration.pools.count - 1
    }

    private func poolIndex(of draft: ListenerDraft, _ reading: inout FileReading) -> Int? {
        if let wanted = draft.poolName { return poolIndex(named: wanted, &reading) }
        // What cannot be read has been noted, and may be the one that is meant.
        guard pools.allSatisfy({ $0.name != nil }), pools.count > 1, !draft.namesPool else { return 0 }
        var place = draft.place
        place.key += ".pool"
        reading.note(
            place, "is missing, and there are \(pools.count) pools",
            cure: "write one of \(poolNames.prefix(Self.namesMax).joined(separator: ", "))")
        return 0
    }

    private func poolIndex(named wanted: Placed<String>, _ reading: inout FileReading) -> Int {
        guard !pools.isEmpty, pools.allSatisfy({ $0.name != nil }) else { return 0 }
        if let index = poolNames.firstIndex(of: wanted.value) { return index }
        let cure =
            NearestName.of(wanted.value, in: poolNames).map { "did you mean \($0)?" }
            ?? "the pools are \(poolNames.prefix(Self.namesMax).joined(separator: ", "))"
        reading.note(wanted, ValueProblem("is no pool", cure: cure), value: wanted.value)
        return 0
    }

    private var poolNames: [String] { pools.compactMap { $0.name?.value } }

    /// In a sentence, at most.
    private static let namesMax = 20

    /// Names that an earlier route takes already, where that one asks for nothing else.
    private static func repeatedNames(_ routes: [RouteDraft], _ reading: inout FileReading) {
        var taken: [String: Origin] = [:]
        for route in routes {
            var own: [String: Origin] = [:]
            for name in route.names {
                let key = NamePattern.plain(name.value)
                if let first = own[key] ?? taken[key] {
                    reading.note(
                        name,
                        ValueProblem("is taken by line \(first.line) already", cure: "leave one of them out"),
                        value: name.value)
                } else if let (wider, first) = NamePattern.wider(than: key).lazy.compactMap({ wide in
                    taken[wide].map { (wide, $0) }
                }).first {
                    reading.note(
                        name,
                        ValueProblem(
                            "is taken by \(wider) in line \(first.line) already",
                            cure: "write this route before that one"),
                        value: name.value)
                }
                own[key] = own[key] ?? name.origin
            }
            guard route.sources == nil, route.protocols.isEmpty else { continue }
            taken.merge(own) { first, _ in first }
        }
    }

    // MARK: Pools

    private func rules(of draft: PoolDraft, _ reading: inout FileReading) {
        if let rules = draft.pool.health, let connectOnly = draft.connectOnly {
            let hasWords = !rules.send.isEmpty || !rules.expect.isEmpty
            if connectOnly.value && hasWords {
                reading.note(
                    connectOnly,
                    ValueProblem("stands beside send or expect", cure: "leave connect_only out, or the others"),
                    value: "true")
            } else if !connectOnly.value && !hasWords {
                reading.note(
                    connectOnly,
                    ValueProblem("leaves nothing to check by", cure: "write send, expect or both, or leave it out"),
                    value: "false")
            }
        }
        if let onDown = draft.onDown, onDown.value != .keep, draft.pool.health == nil {
            reading.note(
                onDown,
                ValueProblem(
                    "never comes to pass, since no server is checked", cure: "write health too, or leave it out"),
                value: onDown.value.rawValue)
        }
        if let timeout = draft.queueTimeout, draft.serverLimits.queue == 0 {
            reading.note(
                timeout,
                ValueProblem("never comes to pass, since nobody waits", cure: "write queue too, or leave it out"),
                value: "\(TimeSpan(milliseconds: timeout.value))")
        }
        if let slowStart = draft.slowStart, draft.pool.health == nil, draft.pool.eject == nil {
            reading.note(
                slowStart,
                ValueProblem(
                    "never comes to pass, since no server is ever down or left out",
                    cure: "write health or eject too, or leave it out"),
                value: "\(TimeSpan(milliseconds: slowStart.value))")
        }
    }

    /// Nil where there is none, or none that makes sense.
    private func resolve(_ draft: PoolDraft, _ reading: inout FileReading) -> Placed<ResolveRules>? {
        if !draft.hasServers && !draft.hasResolve {
            var place = draft.place
            place.key += ".servers"
            reading.note(
                place, "is missing", cure: "write a list, for example [\"192.0.2.1:80\"], or write resolve")
        }
        guard let name = draft.resolveName, let kind = draft.resolveKind else { return nil }
        if kind.value == .srv {
            reading.note(
                draft.resolvePort, ValueProblem("stands beside type: srv, which tells ports", cure: "leave it out"),
                value: draft.resolvePort.map { "\($0.value)" })
        } else if draft.resolvePort == nil {
            reading.note(
                kind, ValueProblem("tells no ports", cure: "write port too, or type: srv"), value: kind.value.rawValue)
        }
        let rules = ResolveRules(
            name.value, kind.value, port: UInt16(clamping: draft.resolvePort?.value ?? 0),
            refreshMillis: draft.resolveRefreshMillis)
        return Placed(rules, at: name.origin)
    }

    private func header(_ draft: PoolDraft, _ reading: inout FileReading) -> HeaderRules? {
        guard let version = draft.headerVersion else { return nil }
        if version.value == .v1, let first = draft.headerExtras.first {
            reading.note(first, ValueProblem("is for version 2", cure: "write send: v2 or leave tlv out"))
        }
        return HeaderRules(version.value, draft.headerExtras.reduce([]) { $0.union($1.value) })
    }

    private func servers(_ reading: inout FileReading) {
        let count = pools.reduce(0) { $0 + $1.pool.servers.count }
        if count > ServeConfiguration.upstreamsMax {
            reading.note(
                Self.place("pools", pools.first?.place, reading), "have \(count) servers together",
                cure: "write at most \(ServeConfiguration.upstreamsMax)")
        }
        for pool in pools where pool.pool.turnCount > ServeConfiguration.turnsMax {
            reading.note(
                pool.place,
                ValueProblem(
                    "has weights of \(pool.pool.turnCount) together",
                    cure: "write smaller ones, at most \(ServeConfiguration.turnsMax)"),
                value: pool.name?.value)
        }
        for pool in pools where pool.pool.isTransparent && !pool.pool.sources.isEmpty {
            reading.note(
                pool.pool.sources[0],
                ValueProblem("stands beside transparent_source: true", cure: "leave one of them out"))
        }
        for pool in pools where pool.pool.sources.count > ServeConfiguration.sourcesMax {
            reading.note(
                pool.pool.sources[0],
                ValueProblem(
                    "is the first of \(pool.pool.sources.count) sources",
                    cure: "write at most \(ServeConfiguration.sourcesMax)"))
        }
    }
}

extension FileReading {
    /// Nothing where there is no value: what is missing has no place.
    mutating func note<V>(_ placed: Placed<V>?, _ problem: ValueProblem, value: String? = nil) {
        guard case .file(let place)? = placed?.origin else { return }
        note(place, problem, value: value)
    }
}

extension Origin {
    /// 0 for a flag.
    fileprivate var line: Int {
        switch self {
        case .flag: 0
        case .file(let place): place.line
        }
    }
}

extension SocketDraft {
    /// Empty for all of them.
    fileprivate var interface: String {
        for option in options {
            if case .interface(let name) = option.value { return name.text }
        }
        return ""
    }
}

extension Endpoint {
    fileprivate var isUNIX: Bool {
        switch place {
        case .address(let address): address.isUNIX
        case .name, .inherited: false
        }
    }

    fileprivate var hasFile: Bool {
        switch place {
        case .address(let address): address.unixPath != nil
        case .name, .inherited: false
        }
    }

    /// The same for two spellings of one address; nil where each gets a port of its own.
    fileprivate var identity: String? {
        switch place {
        case .address(let address): address.isTCP && address.port == 0 ? nil : "\(address)"
        case .name(let name, let port): port == 0 ? nil : "\(name.lowercased()):\(port)"
        case .inherited(let wanted): "fd:\(wanted)"
        }
    }
}
