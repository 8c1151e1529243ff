/// A JSON value with its keys in order.
indirect enum JSONValue {
    case string(String)
    case number(Int)
    case truth(Bool)
    case list([JSONValue])
    case object([(String, JSONValue)])

    /// Indented by two spaces.
    var text: String { text(indent: "") }

    private func text(indent: String) -> String {
        let deeper = indent + "  "
        switch self {
        case .string(let text): return Escape.json(text)
        case .number(let number): return "\(number)"
        case .truth(let truth): return "\(truth)"
        case .list(let items):
            guard !items.isEmpty else { return "[]" }
            return "[\n" + items.map { deeper + $0.text(indent: deeper) }.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let members):
            guard !members.isEmpty else { return "{}" }
            let lines = members.map { "\(deeper)\(Escape.json($0)): \($1.text(indent: deeper))" }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        }
    }
}
