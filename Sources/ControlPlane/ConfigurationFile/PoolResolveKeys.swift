/// The keys of a pool's `resolve`.
enum PoolResolveKeys {
    static var resolve: FileKey<PoolDraft> {
        FileKey.section("resolve", "A name that gives the pool servers, looked up again and again.", rules)
            .noting { $0.hasResolve = true }
    }

    private static var rules: [FileKey<PoolDraft>] {
        let kinds = ResolveRules.Kind.allCases.map(\.rawValue)
        return [
            .value(
                "name", .text(example: "name: _https._tcp.shop.svc"), isRequired: true,
                "Looked up as resolv.conf says; with a dot at its end, without the search list.",
                parse: ResolveRules.name,
                set: { $0.resolveName = $1 }),
            .value(
                "type", .choice(kinds), isRequired: true,
                "IPv4 addresses, IPv6 addresses, both, or services with ports, weights and priorities of their own.",
                parse: { text throws(ValueProblem) in
                    guard let kind = ResolveRules.Kind(rawValue: text) else { throw ValueProblem.noChoice(kinds) }
                    return kind
                }, set: { $0.resolveKind = $1 }),
            .number("port", Bounds.portsToConnect, "Of all servers; needed but for srv.") { $0.resolvePort = $1 },
            .value(
                "refresh", .text(example: "refresh: 30s"), standard: .string("ttl"),
                "From one look-up to the next: ttl, as long as its answer may be kept, or a time.",
                parse: ResolveRules.refresh, set: { $0.resolveRefreshMillis = $1.value }),
        ]
    }
}
