/// Reads a tree key by key and keeps what is wrong with it.
struct FileReading {
    let file: String
    /// The largest pipe this process may ask for, in bytes.
    let pipeBytesMax: Int
    private let environment: (String) -> String?
    private(set) var problems: [FileProblem] = []

    /// - Parameter environment: a variable's value, nil where it is not set.
    init(file: String, pipeBytesMax: Int, environment: @escaping (String) -> String?) {
        self.file = file
        self.pipeBytesMax = pipeBytesMax
        self.environment = environment
    }

    func place(of node: WrittenNode, _ path: String) -> FilePlace {
        FilePlace(file: file, line: node.line, column: node.column, key: path)
    }

    mutating func note(_ place: FilePlace, _ reason: String, cure: String) {
        note(place, ValueProblem(reason, cure: cure))
    }

    mutating func note(_ place: FilePlace, _ problem: ValueProblem, value: String? = nil) {
        problems.append(FileProblem(place, problem, value: value))
    }

    /// A scalar's text with its variables put in; nil, and noted, where it is none.
    /// - Parameter wanted: what to write instead.
    mutating func text(_ node: WrittenNode, _ path: String, wanted: String) -> String? {
        let place = place(of: node, path)
        guard case .scalar(let written, let isPlain) = node.content, !(written.isEmpty && isPlain) else {
            note(place, node.kind, cure: wanted)
            return nil
        }
        guard !written.utf8.contains(0) else {
            note(place, "holds a zero byte", cure: "remove it")
            return nil
        }
        do throws(ValueProblem) {
            return try Substitution.apply(written, environment)
        } catch {
            note(place, error, value: written)
            return nil
        }
    }

    /// A scalar's value; nil, and noted, where it has none.
    mutating func value<V>(
        _ node: WrittenNode, _ path: String, _ kind: ValueKind, _ parse: (String) throws(ValueProblem) -> V
    ) -> Placed<V>? {
        guard let text = text(node, path, wanted: kind.wanted) else { return nil }
        let place = place(of: node, path)
        do throws(ValueProblem) {
            if kind.isNumber { try Self.refuseOctal(text) }
            return Placed(try parse(text), at: .file(place))
        } catch {
            note(place, error, value: text)
            return nil
        }
    }

    /// `010` is eight to YAML 1.1 and ten to everybody else.
    private static func refuseOctal(_ text: String) throws(ValueProblem) {
        guard text.count > 1, text.hasPrefix("0"), WholeNumber.isDigits(text[...]) else { return }
        let rest = text.drop { $0 == "0" }
        throw ValueProblem("begins with 0, which YAML may read as octal", cure: "write \(rest.isEmpty ? "0" : rest)")
    }

    mutating func list(_ node: WrittenNode, _ path: String, wanted: String) -> [WrittenNode]? {
        guard case .list(let items) = node.content else {
            note(place(of: node, path), node.kind, cure: wanted)
            return nil
        }
        guard !items.isEmpty else {
            note(place(of: node, path), "is empty", cure: wanted)
            return nil
        }
        return items
    }

    /// Every key of a mapping by the table of those that exist.
    /// - Returns: false where it is no mapping.
    @discardableResult
    mutating func mapping<T>(
        _ node: WrittenNode, _ path: String, _ keys: [FileKey<T>], into target: inout T
    ) -> Bool {
        guard case .mapping(let entries) = node.content else {
            note(
                place(of: node, path), node.kind,
                cure: "write a mapping with \(keys.map(\.name).joined(separator: ", "))")
            return false
        }
        var seen: [String: Int] = [:]
        for entry in entries {
            let entryPath = Self.join(path, entry.key)
            let place = FilePlace(file: file, line: entry.line, column: entry.column, key: entryPath)
            if let line = seen[entry.key] {
                note(place, "is written twice, in line \(line) too", cure: "leave one of them out")
            } else if let key = keys.first(where: { $0.name == entry.key }) {
                key.read(entry.value, entryPath, &self, &target)
            } else {
                noteUnknown(entry.key, place, keys.map(\.name))
            }
            seen[entry.key] = seen[entry.key] ?? entry.line
        }
        for key in keys where key.isRequired && seen[key.name] == nil {
            note(place(of: node, Self.join(path, key.name)), "is missing", cure: key.wanted)
        }
        return true
    }

    private mutating func noteUnknown(_ key: String, _ place: FilePlace, _ names: [String]) {
        let cure =
            NearestName.of(key, in: names).map { "did you mean \($0)?" }
            ?? "the keys here are \(names.joined(separator: ", "))"
        note(place, "is no key", cure: cure)
    }

    private static func join(_ path: String, _ key: String) -> String {
        let shown = key.count > 64 ? key.prefix(64) + "…" : key
        return path.isEmpty ? shown : "\(path).\(shown)"
    }
}
