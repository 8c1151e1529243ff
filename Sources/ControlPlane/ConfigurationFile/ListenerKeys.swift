/// The keys of an item of `listeners`.
enum ListenerKeys {
    static var all: [FileKey<ListenerDraft>] {
        [
            .name("For logs; no two listeners have the same.") { $0.name = $1 },
            .list(
                "bind", isRequired: true, example: #"["0.0.0.0:443", "[::]:443"]"#, item: Schema.text,
                "Where to accept: HOST:PORT, HOST:FIRST-LAST, [IPv6]:PORT or unix:PATH; port 0 lets the kernel choose.",
                item: readAddresses, set: { $0.listener.bind = $1.flatMap(\.self) }),
            .number(
                "backlog", Bounds.backlog, standard: Int(ListenerConfiguration("", bind: []).backlog),
                "Length of the accept queue, capped by net.core.somaxconn."
            ) { $0.listener.backlog = Int32($1.value) },
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
            pool,
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
            return try texts.map { text throws(ValueProblem) in try Endpoint(text, ports: Bounds.portsToListen) }
        }
        return endpoints.map { found in found.value.map { Placed($0, at: found.origin) } }
    }
}
