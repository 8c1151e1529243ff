/// JSON Schema (draft 2020-12) of the keys, for editors.
enum Schema {
    /// Of a whole file.
    static func document<T>(_ keys: [FileKey<T>]) -> JSONValue {
        let head: [(String, JSONValue)] = [
            ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
            ("title", .string("Configuration of longsplice serve")),
        ]
        guard case .object(let members) = mapping(keys, nil) else { return .object(head) }
        return .object(head + members)
    }

    static func mapping<T>(_ keys: [FileKey<T>], _ help: String?) -> JSONValue {
        var members: [(String, JSONValue)] = [("type", .string("object"))]
        if let help { members.append(("description", .string(help))) }
        members.append(("additionalProperties", .truth(false)))
        members.append(("properties", .object(keys.map { ($0.name, $0.schema) })))
        let required = keys.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { members.append(("required", .list(required))) }
        return .object(members)
    }

    static func list(of item: JSONValue, _ help: String) -> JSONValue {
        .object([
            ("type", .string("array")), ("description", .string(help)), ("minItems", .number(1)), ("items", item),
        ])
    }

    static func any(of schemas: [JSONValue]) -> JSONValue { .object([("anyOf", .list(schemas))]) }

    static func string(matching pattern: String) -> JSONValue {
        .object([("type", .string("string")), ("pattern", .string(pattern))])
    }

    /// A text with a variable in it, whose value no editor knows.
    static let variable = string(matching: #"\$\{"#)
    static let text = JSONValue.object([("type", .string("string")), ("minLength", .number(1))])

    fileprivate static func integer(_ range: ClosedRange<Int>) -> JSONValue {
        .object([
            ("type", .string("integer")), ("minimum", .number(range.lowerBound)),
            ("maximum", .number(range.upperBound)),
        ])
    }
}

extension ValueKind {
    func schema(_ help: String, _ standard: JSONValue?) -> JSONValue {
        var members: [(String, JSONValue)] = [("description", .string(help))]
        if let standard { members.append(("default", standard)) }
        switch self {
        case .number(let range): members.append(("anyOf", .list([Schema.integer(range), Schema.variable])))
        case .size(let range):
            let sizes = Schema.string(matching: "^[0-9]+(KiB|MiB|GiB)$")
            members.append(("anyOf", .list([Schema.integer(range), sizes, Schema.variable])))
        case .time:
            members.append(
                ("anyOf", .list([Schema.string(matching: "^[0-9]+(ms|s|m|h)$"), Schema.variable])))
        case .choice(let names):
            let choices = JSONValue.object([("enum", .list(names.map { .string($0) }))])
            members.append(("anyOf", .list([choices, Schema.variable])))
        case .truth: members.append(("anyOf", .list([.object([("type", .string("boolean"))]), Schema.variable])))
        case .text: members += [("type", .string("string")), ("minLength", .number(1))]
        }
        return .object(members)
    }
}
