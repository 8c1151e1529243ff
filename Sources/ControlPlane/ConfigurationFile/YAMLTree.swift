internal import Yams

/// A text as a tree of what is written, by Yams. Nothing of YAML's guesses at types gets through.
struct YAMLTree {
    /// Nil where there is nothing but comments.
    private(set) var root: WrittenNode?
    /// What YAML allows and a configuration does not need.
    private(set) var problems: [FileProblem] = []

    private let file: String
    private var keys: RepeatedKeys

    /// A configuration has five levels.
    private static let levelsMax = 32

    /// Throws where the text is no YAML.
    init(_ text: FileText, file: String) throws(FileProblems) {
        self.file = file
        keys = RepeatedKeys(text.text)
        while true {
            do {
                let parser = try Parser(yaml: keys.text, resolver: Yams.Resolver.basic, encoding: .utf8)
                if let node = try parser.singleRoot() { root = convert(node, level: 1) }
                return
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                let place = TextPlace(context.mark)
                guard let name = names.first, name != Self.noWord else { throw problemOfKey(place) }
                guard keys.rename(name, at: place) else {
                    throw problem(place, "has a key twice, \(name)", cure: "leave one of them out")
                }
            } catch {
                throw problem(error)
            }
        }
    }

    // MARK: Parser errors

    private func problem(_ place: TextPlace, _ reason: String, cure: String) -> FileProblems {
        FileProblems(problems: [
            FileProblem(
                FilePlace(file: file, line: place.line, column: place.column, key: ""),
                ValueProblem(reason, cure: cure))
        ])
    }

    /// What Yams calls a key that is a list or a mapping.
    private static let noWord = "<uncovertable>"

    private func problemOfKey(_ place: TextPlace) -> FileProblems {
        problem(place, "has a key that is no single word", cure: "see longsplice config --example")
    }

    private func problem(_ error: any Error) -> FileProblems {
        switch error {
        case YamlError.parser(_, let words, let mark, _) where words.contains("nesting level"):
            return problem(TextPlace(mark), "is nested much too deeply", cure: "see longsplice config --example")
        case YamlError.parser(_, let words, let mark, _) where words.contains("node content"):
            return problem(
                TextPlace(mark), "is no YAML, \(words)", cure: "look at the brackets, and put an IPv6 address in quotes"
            )
        case YamlError.scanner(let context, let words, let mark, _),
            YamlError.parser(let context, let words, let mark, _):
            let within = context.map { " \($0.text) that begins in line \($0.mark.line)" } ?? ""
            return problem(
                TextPlace(mark), "is no YAML, \(words)\(within)",
                cure: "look at the indentation, quotes and brackets before it")
        case YamlError.composer(_, let words, let mark, _) where words.contains("another document"):
            return problem(TextPlace(mark), "has a second document", cure: "write everything into one")
        case YamlError.composer(_, _, let mark, _):
            return problem(TextPlace(mark), "has an alias (*)", cure: "write the value out, or put the text in quotes")
        default:
            return problem(TextPlace(nil), "is no YAML", cure: "see longsplice config --example")
        }
    }

    // MARK: Conversion

    private mutating func convert(_ node: Node, level: Int) -> WrittenNode {
        let place = TextPlace(node.mark)
        func written(_ content: WrittenNode.Content) -> WrittenNode {
            WrittenNode(content: content, line: place.line, column: place.column)
        }
        guard level <= Self.levelsMax else {
            note(place, "is nested deeper than \(Self.levelsMax) levels", cure: "see longsplice config --example")
            return written(.list([]))
        }
        switch node {
        case .scalar(let scalar):
            refuse(scalar.tag, implied: "str", place)
            return written(.scalar(scalar.string, isPlain: scalar.style == .plain))
        case .sequence(let sequence):
            refuse(sequence.tag, implied: "seq", place)
            var items: [WrittenNode] = []
            for item in sequence { items.append(convert(item, level: level + 1)) }
            return written(.list(items))
        case .mapping(let mapping):
            refuse(mapping.tag, implied: "map", place)
            var entries: [WrittenEntry] = []
            for (key, value) in mapping { entry(key, value, level).map { entries.append($0) } }
            return written(.mapping(entries))
        case .alias:
            note(place, "has an alias (*)", cure: "write the value out, or put the text in quotes")
            return written(.list([]))
        }
    }

    private mutating func entry(_ key: Node, _ value: Node, _ level: Int) -> WrittenEntry? {
        let place = TextPlace(key.mark)
        guard case .scalar(let scalar) = key else {
            problems += problemOfKey(place).problems
            return nil
        }
        return WrittenEntry(
            key: keys.name(scalar.string, at: place), line: place.line, column: place.column,
            value: convert(value, level: level + 1))
    }

    private mutating func refuse(_ tag: Tag, implied: String, _ place: TextPlace) {
        let name = tag.rawValue
        guard !name.isEmpty, name != "tag:yaml.org,2002:\(implied)" else { return }
        note(place, "has a tag, \(name)", cure: "leave the tag out")
    }

    private mutating func note(_ place: TextPlace, _ reason: String, cure: String) {
        problems += problem(place, reason, cure: cure).problems
    }
}

extension TextPlace {
    /// The beginning of the text where the parser does not say.
    fileprivate init(_ mark: Mark?) { self.init(line: mark?.line ?? 1, column: mark?.column ?? 1) }
}
