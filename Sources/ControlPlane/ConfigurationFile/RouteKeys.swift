import DataPlane

/// The keys of an item of `routes`.
enum RouteKeys {
    static var all: [FileKey<RouteDraft>] {
        [
            .blocks("source", "Clients it is for; all that are left where it is not given.") { $0.sources = $1 },
            .value(
                "pool", .text(example: "pool: web"), "Where they go.", parse: EntryName.parse,
                set: { $0.poolName = $1 }),
            .value(
                "reject", .truth, "Instead of a pool: they are reset.", parse: Truth.parse, set: { $0.rejects = $1 }),
        ]
    }

    static func read(_ node: WrittenNode, _ path: String, _ reading: inout FileReading) -> RouteDraft? {
        var draft = RouteDraft(place: reading.place(of: node, path))
        return reading.mapping(node, path, all, into: &draft) ? draft : nil
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
