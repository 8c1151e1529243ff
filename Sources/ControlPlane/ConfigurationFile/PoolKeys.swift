import DataPlane
import LinuxCalls

/// The keys of an item of `pools`.
enum PoolKeys {
    private static let standard = PoolConfiguration("", servers: [])

    static var all: [FileKey<PoolDraft>] {
        let server = ServerKeys.all
        return [
            .name("What listeners call it; no two pools have the same.") { $0.name = $1 },
            .value(
                "balance", .choice(Balance.allCases.map(\.name)), standard: .string(standard.balance.name),
                "Which server is next.", parse: Balance.parse, set: { $0.pool.balance = $1.value }),
            FileKey.list(
                "servers", example: #"["192.0.2.1:80"]"#,
                item: Schema.any(of: [Schema.text, Schema.mapping(server, "One server.")]),
                "HOST:PORT, HOST:FIRST-LAST, [IPv6]:PORT, unix:PATH or echo; or a mapping with an address. Needed where resolve is missing.",
                item: { node, path, reading in ServerKeys.read(node, path, server, &reading) },
                set: { $0.pool.servers = $1.flatMap(\.servers) }
            ).noting { $0.hasServers = true },
            PoolResolveKeys.resolve,
            .section("connect", "How servers are connected to.", connect),
            serverLimits, eject,
            PoolHealthKeys.health, PoolHealthKeys.onDown, PoolHealthKeys.slowStart, PoolHealthKeys.maxLifetime,
            .section("timeouts", "Of connections that stand.", timeouts),
            .section("proxy_protocol", "Tells servers who their client is, by a PROXY header.", proxyProtocol),
            .value(
                "fallback_file", .text(example: "fallback_file: /etc/longsplice/503.http"),
                "Clients get this file for whom no server can be connected.", parse: FilePath.parse,
                set: { $0.pool.fallback = $1 }),
        ]
    }

    static func read(_ node: WrittenNode, _ path: String, _ reading: inout FileReading) -> PoolDraft? {
        var draft = PoolDraft(place: reading.place(of: node, path))
        return reading.mapping(node, path, all, into: &draft) ? draft : nil
    }

    private static var connect: [FileKey<PoolDraft>] {
        [
            .time("timeout", standard: standard.timeouts.connectMillis, "For one server to answer.") {
                $0.pool.timeouts.connectMillis = $1
            },
            .number(
                "retries", Bounds.retries, "Servers tried for one client after the first; all if not given."
            ) { $0.pool.retries = $1.value },
            .list(
                "source", example: "[192.0.2.7]", item: Schema.text,
                "Addresses of this machine that connections come from, in turns.",
                item: { node, path, reading in
                    reading.value(node, path, .text(example: "192.0.2.7"), SocketAddress.source)
                },
                set: { $0.pool.sources = $1 }),
        ] + socket
    }

    private static var socket: [FileKey<PoolDraft>] {
        let options = SocketOptionKeys(\PoolDraft.socket)
        return [
            .value(
                "transparent_source", .truth, standard: .truth(false),
                "Connections come from the client's own address (IP_TRANSPARENT).", parse: Truth.parse,
                set: { draft, isWanted in
                    guard isWanted.value else { return }
                    draft.pool.isTransparent = true
                    options.add(.transparent, at: isWanted.origin, to: &draft)
                }),
            options.userTimeout, options.keepalive, options.congestionControl,
        ]
    }

    private static var proxyProtocol: [FileKey<PoolDraft>] {
        [
            .value(
                "send", .choice(HeaderRules.Version.allCases.map(\.name)), isRequired: true,
                "The header's version.", parse: HeaderRules.Version.parse, set: { $0.headerVersion = $1 }),
            .list(
                "tlv", example: "[authority, alpn, unique_id, crc32c]", item: Schema.text,
                "What a header of version 2 says beside the addresses; authority and alpn are the ClientHello's.",
                item: { node, path, reading in
                    reading.value(
                        node, path, .choice(HeaderRules.Extras.names.map(\.name)), HeaderRules.Extras.parse)
                },
                set: { $0.headerExtras = $1 }),
        ]
    }

    private static var serverLimits: FileKey<PoolDraft> {
        .section(
            "server_limits", "How many connections each server has, and who waits for one; no bound if not given.",
            [
                .value(
                    "connections", .number(Bounds.connections), isRequired: true,
                    "At a time, of each server, attempts to connect among them.",
                    parse: { text throws(ValueProblem) in try WholeNumber.parse(text, in: Bounds.connections) },
                    set: { $0.serverLimits.connections = $1.value }),
                .number(
                    "queue", 0...Bounds.connections.upperBound, standard: 0,
                    "Clients that wait at a time until a server has room; more are refused."
                ) { $0.serverLimits.queue = $1.value },
                .value(
                    "queue_timeout", .time(atLeast: Bounds.shortestTime),
                    "How long a client waits until it is refused; connect.timeout if not given.",
                    parse: { text throws(ValueProblem) in
                        try TimeSpan(text, atLeast: Bounds.shortestTime).milliseconds
                    },
                    set: { draft, time in
                        draft.queueTimeout = time
                        draft.pool.timeouts.queueMillis = time.value
                    }),
            ])
    }

    private static var eject: FileKey<PoolDraft> {
        .rules(
            "eject", "Leaves a server out for a while that cannot be connected; never where it is not given.",
            ejectRules
        ) { $0.pool.eject = EjectRules() }
    }

    private static var ejectRules: [FileKey<PoolDraft>] {
        let rules = EjectRules()
        return [
            .number(
                "after_failures", 1...1_000_000, standard: rules.afterFailures, "Connects in a row that have to fail."
            ) { $0.ejectRules.afterFailures = $1.value },
            .time("for", standard: rules.forMillis, "How long it is left out.") { $0.ejectRules.forMillis = $1 },
            .value(
                "at_most", .text(example: "at_most: 50%"), standard: .string("\(rules.atMostPercent)%"),
                "Of the pool's servers; one may always be left out.", parse: Percent.parse,
                set: { $0.ejectRules.atMostPercent = $1.value }),
        ]
    }

    private static var timeouts: [FileKey<PoolDraft>] {
        [
            .time("idle", standard: standard.timeouts.idleMillis, "For a pair over which nothing moves.") {
                $0.pool.timeouts.idleMillis = $1
            },
            .time("fin", standard: standard.timeouts.finMillis, "For a half-closed pair over which nothing moves.") {
                $0.pool.timeouts.finMillis = $1
            },
            .time("client_fin", standard: nil, "The same where the client has ended first; as fin if not given.") {
                $0.pool.timeouts.clientFinMillis = $1
            },
            .time("server_fin", standard: nil, "The same where the server has ended first; as fin if not given.") {
                $0.pool.timeouts.serverFinMillis = $1
            },
        ]
    }
}

/// The keys of an item of `servers` that is a mapping.
enum ServerKeys {
    static var all: [FileKey<ServerDraft>] {
        [
            .value(
                "address", address, isRequired: true, "HOST:PORT, HOST:FIRST-LAST, [IPv6]:PORT, unix:PATH or echo.",
                parse: parse, set: { $0.upstreams = placed($1) }),
            .number("weight", Bounds.weight, standard: 1, "A server of weight 2 gets twice as many connections.") {
                $0.weight = $1.value
            },
            .value(
                "backup", .truth, standard: .truth(false), "Only tried when none of the others could be connected.",
                parse: Truth.parse, set: { $0.isBackup = $1.value }),
        ]
    }

    /// - Parameter keys: `all`, made once for a long list.
    static func read(
        _ node: WrittenNode, _ path: String, _ keys: [FileKey<ServerDraft>], _ reading: inout FileReading
    ) -> ServerDraft? {
        var draft = ServerDraft()
        if case .mapping = node.content {
            reading.mapping(node, path, keys, into: &draft)
        } else {
            draft.upstreams = reading.value(node, path, address, parse).map(placed) ?? []
        }
        return draft
    }

    private static let address = ValueKind.text(example: #""192.0.2.1:80""#)

    private static func parse(_ text: String) throws(ValueProblem) -> [Upstream] {
        let texts = try PortRange.expand(
            text, ports: Bounds.portsToConnect, countMax: ServeConfiguration.upstreamsMax)
        return try texts.map { text throws(ValueProblem) in try Upstream(text) }
    }

    private static func placed(_ found: Placed<[Upstream]>) -> [Placed<Upstream>] {
        found.value.map { Placed($0, at: found.origin) }
    }
}
