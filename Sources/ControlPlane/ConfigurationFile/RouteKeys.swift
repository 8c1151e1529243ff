import DataPlane

/// The keys of an item of `routes`.
enum RouteKeys {
    static var all: [FileKey<RouteDraft>] {
        [
            .blocks("source", "Clients it is for, by their addresses.") { $0.sources = $1 },
            .list(
                "sni", example: #"[shop.example.com, "*.shop.example.com"]"#, item: Schema.text,
                "Clients it is for, by the name in their TLS ClientHello; *.example.com has all names below example.com.",
                item: { node, path, reading in
                    reading.value(node, path, .text(example: "shop.example.com"), NamePattern.parse)
                },
                set: { $0.names = $1 }),
            .list(
                "alpn", example: "[h2]", item: Schema.text,
                "Clients it is for, by a protocol that their TLS ClientHello offers.",
                item: { node, path, reading in
                    reading.value(node, path, .text(example: "h2"), ProtocolTable.parse)
                },
                set: { $0.protocols = $1 }),
            .value(
                "pool", .text(example: "pool: web"), "Where they go.", parse: EntryName.parse,
                set: { $0.poolName = $1 }),
            .value(
                "fallback_file", .text(example: "fallback_file: /etc/longsplice/503.http"),
                "Instead of a pool: they get this file, and then the end.", parse: FilePath.parse,
                set: { $0.fallback = $1 }),
            .value(
                "reject", .truth, "Instead of a pool: they are reset.", parse: Truth.parse, set: { $0.rejects = $1 }),
        ]
    }

    static func read(_ node: WrittenNode, _ path: String, _ reading: inout FileReading) -> RouteDraft? {
        var draft = RouteDraft(place: reading.place(of: node, path))
        return reading.mapping(node, path, all, into: &draft) ? draft : nil
    }
}

extension NamePattern {
    static func parse(_ text: String) throws(ValueProblem) -> String {
        if let problem = problem(in: text) { throw ValueProblem("\(problem.reason)", cure: "\(problem.cure)") }
        return text
    }
}

extension NamePattern {
    /// The same text for the same pattern.
    static func plain(_ pattern: String) -> String {
        let lower = pattern.lowercased()
        return lower.hasSuffix(".") ? String(lower.dropLast()) : lower
    }

    /// Wildcards that have whatever `pattern` has, the nearest first.
    static func wider(than pattern: String) -> [String] {
        var labels = pattern.split(separator: ".")[...]
        if labels.first == "*" { labels = labels.dropFirst() }
        var wider: [String] = []
        while labels.count > 1 {
            labels = labels.dropFirst()
            wider.append("*." + labels.joined(separator: "."))
        }
        return wider
    }
}

extension ProtocolTable {
    static func parse(_ text: String) throws(ValueProblem) -> String {
        guard nameBytes.contains(text.utf8.count) else {
            throw ValueProblem("is no protocol's name", cure: "write 1 to 255 bytes, such as h2 or http/1.1")
        }
        return text
    }
}

extension FileKey {
    /// A list of addresses and prefixes.
    static func blocks(_ name: String, _ help: String, set: @escaping (inout Target, [AddressBlock]) -> Void) -> FileKey
    {
        list(
            name, example: "[203.0.113.0/24]", item: Schema.text, help,
            item: { node, path, reading in
                reading.value(
                    node, path, .text(example: "203.0.113.0/24")
                ) { text throws(ValueProblem) in try AddressBlock(text) }?.value
            }, set: set)
    }
}
