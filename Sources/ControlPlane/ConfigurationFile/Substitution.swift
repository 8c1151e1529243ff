/// `${NAME}` and `${NAME:-default}` for variables of the environment, and `$$` for a dollar.
enum Substitution {
    /// The default is for a variable that is not set, or is empty.
    static func apply(_ text: String, _ environment: (String) -> String?) throws(ValueProblem) -> String {
        guard text.contains("$") else { return text }
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                result += "$"
                rest = rest.dropFirst()
            } else if rest.first == "{", let end = rest.firstIndex(of: "}") {
                result += try value(of: rest[rest.index(after: rest.startIndex)..<end], environment)
                rest = rest[rest.index(after: end)...]
            } else {
                throw ValueProblem("has a $ that names no variable", cure: "write ${NAME}, or $$ for a dollar")
            }
        }
        return result + rest
    }

    private static func value(
        of inside: Substring, _ environment: (String) -> String?
    ) throws(ValueProblem) -> String {
        let end = inside.firstIndex { !isNameCharacter($0) } ?? inside.endIndex
        let name = String(inside[..<end])
        let tail = inside[end...]
        guard let first = name.first, !first.isNumber, tail.isEmpty || tail.hasPrefix(":-") else {
            throw ValueProblem("has a $ that names no variable", cure: "write ${NAME} or ${NAME:-default}")
        }
        let found = environment(name)
        if tail.isEmpty {
            guard let found else {
                throw ValueProblem(
                    "names the variable \(name), which is not set", cure: "set it, or write ${\(name):-default}")
            }
            return found
        }
        guard let found, !found.isEmpty else { return String(tail.dropFirst(2)) }
        return found
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        character == "_" || character.isASCII && (character.isLetter || character.isNumber)
    }
}
