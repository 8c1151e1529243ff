/// The keys of an item of `listeners`.
enum ListenerKeys {
    static var all: [FileKey<ListenerDraft>] {
        [
            .name("For logs; no two listeners have the same.") { $0.name = $1 },
            .list(
                "bind", isRequired: true, example: #"["0.0.0.0:443", "[::]:443"]"#, item: Schema.text,
                "Where to accept: HOST:PORT, HOST:FIRST-LAST, [IPv6]:PORT, unix:PATH, unix:@NAME, fd:NUMBER or fd:NAME; with port 0 the kernel chooses.",
                item: readAddresses, set: { $0.listener.bind = $1.flatMap(\.self) }),
            .number(
                "backlog", Bounds.backlog, standard: Int(ListenerConfiguration("", bind: []).backlog),
                "Length of the accept queue, capped by net.core.somaxconn."
            ) { $0.listener.backlog = Int32($1.value) },
        ] + socket + [
            .blocks("allow", "Addresses and prefixes that may come; anybody where it is not given.") {
                $0.listener.allow = $1
            },
            .blocks("deny", "Of those that may come, these may not: they are reset.") { $0.listener.deny = $1 },
            .section(
                "proxy_protocol", "Peers that begin with a PROXY header, version 1 or 2, and speak for their clients.",
                proxyProtocol),
            .time(
                "client_hello_timeout", standard: ListenerConfiguration("", bind: []).helloMillis,
                "For a TLS ClientHello, from accept on, where routes go by one; then it is taken for missing."
            ) { $0.listener.helloMillis = $1 },
            limits, pool,
            .list(
                "routes", example: "[{ source: [192.0.2.0/24], pool: web }, { reject: true }]",
                item: Schema.mapping(RouteKeys.all, "Which clients go where."),
                "Pools by the client's address and its TLS ClientHello, instead of one pool; the first that is meant is taken.",
                item: RouteKeys.read, set: { $0.routes = $1 }),
        ]
    }

    private static var proxyProtocol: [FileKey<ListenerDraft>] {
        [
            .list(
                "accept", isRequired: true, example: "[10.0.0.0/8]", item: Schema.text,
                "Addresses and prefixes that have to send a header, or unix for the clients of UNIX sockets; from all others it is payload.",
                item: { node, path, reading in
                    reading.value(node, path, .text(example: "10.0.0.0/8"), ProxySource.parse)?.value
                },
                set: { draft, sources in
                    draft.listener.proxies = sources.compactMap(\.block)
                    draft.listener.hasUNIXProxies = sources.contains { $0.block == nil }
                }),
            .time(
                "timeout", standard: ListenerConfiguration("", bind: []).proxyMillis,
                "For the whole header, from accept on; then the connection is reset."
            ) { $0.listener.proxyMillis = $1 },
        ]
    }

    private static var limits: FileKey<ListenerDraft> {
        .section(
            "limits", "How much it takes, of all its addresses; no bound for what is not given.",
            [
                .number("connections", Bounds.connections, "At a time; more are reset.") {
                    $0.listener.limits.connections = $1.value
                },
                .number(
                    "per_client", Bounds.connections, "At a time, of one IPv4 address or one IPv6 /64; more are reset."
                ) { $0.listener.limits.perClient = $1.value },
                .value(
                    "rate_per_client", .text(example: "rate_per_client: 50/s"),
                    "Of one IPv4 address or one IPv6 /64, and as many at once; who comes faster is reset.",
                    parse: { text throws(ValueProblem) in try ConnectionRate(text) },
                    set: { $0.listener.limits.ratePerClient = $1.value }),
                .value(
                    "bandwidth_per_connection", .text(example: "bandwidth_per_connection: 100MiB/s"),
                    "Bytes of each direction in a second.", parse: ByteSize.perSecond,
                    set: { $0.listener.limits.bytesPerSecond = $1.value }),
            ])
    }

    private static var socket: [FileKey<ListenerDraft>] {
        let options = SocketOptionKeys(\ListenerDraft.socket)
        return [
            .number("tcp_fastopen", Bounds.fastOpenQueue, "Data may come with a SYN, of as many clients at a time.") {
                options.add(.fastOpen(queue: Int32($1.value)), at: $1.origin, to: &$0)
            },
            .seconds("tcp_defer_accept", "Clients are accepted with their first bytes, or after about so long.") {
                options.add(.deferAccept(seconds: $1.value), at: $1.origin, to: &$0)
            },
            options.userTimeout, options.keepalive, options.congestionControl,
            options.shortName("interface", example: "interface: eth0", "Only what comes through it (SO_BINDTODEVICE).")
            {
                .interface($0)
            },
            options.truth(
                "transparent", "Addresses that are not this machine's (IP_TRANSPARENT).", option: .transparent),
            .value(
                "mode", .text(example: "mode: \"0660\""), "Of UNIX sockets' files; what the umask leaves if not given.",
                parse: FileMode.parse, set: { $0.listener.mode = $1 }),
        ]
    }

    /// Addresses of all listeners, at most: each has a socket in each worker.
    static let addressesMax = 4096

    static func read(_ node: WrittenNode, _ path: String, _ reading: inout FileReading) -> ListenerDraft? {
        var draft = ListenerDraft(place: reading.place(of: node, path))
        return reading.mapping(node, path, all, into: &draft) ? draft : nil
    }

    private static var pool: FileKey<ListenerDraft> {
        let key = FileKey<ListenerDraft>.value(
            "pool", .text(example: "pool: web"), "The pool's name; may be left out where there is only one.",
            parse: EntryName.parse,
            set: { (draft: inout ListenerDraft, name: Placed<String>) in draft.poolName = name })
        return FileKey(key.name, wanted: key.wanted, schema: key.schema) { node, path, reading, draft in
            draft.namesPool = true
            key.read(node, path, &reading, &draft)
        }
    }

    private static func readAddresses(
        _ node: WrittenNode, _ path: String, _ reading: inout FileReading
    ) -> [Placed<Endpoint>]? {
        let endpoints = reading.value(
            node, path, .text(example: #""0.0.0.0:443""#)
        ) { text throws(ValueProblem) -> [Endpoint] in
            let texts = try PortRange.expand(text, ports: 1...65_535, countMax: addressesMax)
            return try texts.map { text throws(ValueProblem) in
                try Endpoint(text, ports: Bounds.portsToListen, inherits: true)
            }
        }
        return endpoints.map { found in found.value.map { Placed($0, at: found.origin) } }
    }
}
