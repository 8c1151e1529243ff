/// One key of a mapping: how it is read, and what an editor is told of it. All keys there are stand in tables of these.
struct FileKey<Target> {
    typealias Reading = (WrittenNode, String, inout FileReading, inout Target) -> Void

    let name: String
    let isRequired: Bool
    /// An order, for where the key is missing.
    let wanted: String
    let schema: JSONValue
    let read: Reading

    init(
        _ name: String, isRequired: Bool = false, wanted: String, schema: JSONValue, read: @escaping Reading
    ) {
        self.name = name
        self.isRequired = isRequired
        self.wanted = wanted
        self.schema = schema
        self.read = read
    }

    /// A scalar.
    /// - Parameters:
    ///   - help: one sentence.
    ///   - standard: the default, as it would be written; nil where there is none to name.
    static func value<V>(
        _ name: String, _ kind: ValueKind, isRequired: Bool = false, standard: JSONValue? = nil, _ help: String,
        parse: @escaping (String) throws(ValueProblem) -> V, set: @escaping (inout Target, Placed<V>) -> Void
    ) -> FileKey {
        FileKey(
            name, isRequired: isRequired, wanted: kind.wanted, schema: kind.schema(help, standard)
        ) { node, path, reading, target in
            if let value = reading.value(node, path, kind, parse) { set(&target, value) }
        }
    }

    /// A mapping whose keys are the same target's.
    static func section(_ name: String, _ help: String, _ keys: [FileKey]) -> FileKey {
        FileKey(
            name, wanted: "write a mapping", schema: Schema.mapping(keys, help)
        ) { node, path, reading, target in
            reading.mapping(node, path, keys, into: &target)
        }
    }

    /// A mapping that may be empty: the key alone is enough for the defaults.
    static func rules(
        _ name: String, _ help: String, _ keys: [FileKey], begin: @escaping (inout Target) -> Void
    ) -> FileKey {
        let section = FileKey.section(name, help, keys)
        return FileKey(name, wanted: section.wanted, schema: section.schema) { node, path, reading, target in
            begin(&target)
            section.read(node, path, &reading, &target)
        }
    }

    /// The same, which lets the target know that it is there, right or wrong.
    func noting(_ isThere: @escaping (inout Target) -> Void) -> FileKey {
        FileKey(name, isRequired: isRequired, wanted: wanted, schema: schema) { [read] node, path, reading, target in
            isThere(&target)
            read(node, path, &reading, &target)
        }
    }

    /// A list of which each item is read by itself.
    /// - Parameters:
    ///   - example: in YAML.
    ///   - item: nil, and noted, where it cannot be read.
    static func list<Item>(
        _ name: String, isRequired: Bool = false, example: String, item schema: JSONValue, _ help: String,
        item: @escaping (WrittenNode, String, inout FileReading) -> Item?,
        set: @escaping (inout Target, [Item]) -> Void
    ) -> FileKey {
        let wanted = "write a list, for example \(example)"
        return FileKey(
            name, isRequired: isRequired, wanted: wanted, schema: Schema.list(of: schema, help)
        ) { node, path, reading, target in
            guard let nodes = reading.list(node, path, wanted: wanted) else { return }
            var items: [Item] = []
            for (index, node) in nodes.enumerated() {
                item(node, "\(path)[\(index)]", &reading).map { items.append($0) }
            }
            set(&target, items)
        }
    }
}

// MARK: The kinds of values that flags have too

extension FileKey {
    static func number(
        _ name: String, _ range: ClosedRange<Int>, standard: Int? = nil, _ help: String,
        set: @escaping (inout Target, Placed<Int>) -> Void
    ) -> FileKey {
        value(
            name, .number(range), standard: standard.map { .number($0) }, help,
            parse: { text throws(ValueProblem) in try WholeNumber.parse(text, in: range) }, set: set)
    }

    /// In bytes.
    static func size(
        _ name: String, _ range: ClosedRange<Int>, standard: Int, _ help: String,
        set: @escaping (inout Target, Placed<Int>) -> Void
    ) -> FileKey {
        value(
            name, .size(range), standard: .string("\(ByteSize(bytes: standard))"), help,
            parse: { text throws(ValueProblem) in try ByteSize(text, in: range).bytes }, set: set)
    }

    /// In milliseconds.
    static func time(
        _ name: String, atLeast shortest: TimeSpan = Bounds.shortestTime, standard: Int64?, _ help: String,
        set: @escaping (inout Target, Int64) -> Void
    ) -> FileKey {
        value(
            name, .time(atLeast: shortest), standard: standard.map { .string("\(TimeSpan(milliseconds: $0))") }, help,
            parse: { text throws(ValueProblem) in try TimeSpan(text, atLeast: shortest).milliseconds },
            set: { target, millis in set(&target, millis.value) })
    }

    static func choice<C: RawRepresentable & CaseIterable & Sendable>(
        _ name: String, standard: C, _ help: String, set: @escaping (inout Target, Placed<C>) -> Void
    ) -> FileKey where C.RawValue == String {
        let names = C.allCases.map(\.rawValue)
        return value(
            name, .choice(names), standard: .string(standard.rawValue), help,
            parse: { text throws(ValueProblem) in
                guard let choice = C(rawValue: text) else { throw ValueProblem.noChoice(names) }
                return choice
            }, set: set)
    }

    static func name(_ help: String, set: @escaping (inout Target, Placed<String>) -> Void) -> FileKey {
        value("name", .text(example: "name: web"), isRequired: true, help, parse: EntryName.parse, set: set)
    }
}
