/// Lines and columns as the YAML parser counts them: from 1, columns in Unicode scalars, line breaks as in YAML 1.1.
struct TextPlace: Hashable {
    let line: Int
    let column: Int

    /// Nil where the text has no such place.
    func index(in text: String) -> String.Index? {
        let scalars = text.unicodeScalars
        var index = scalars.startIndex
        for _ in 1..<max(1, line) {
            guard let end = scalars[index...].firstIndex(where: Self.isBreak) else { return nil }
            let next = scalars.index(after: end)
            let isPair = scalars[end] == "\r" && next < scalars.endIndex && scalars[next] == "\n"
            index = isPair ? scalars.index(after: next) : next
        }
        return scalars.index(index, offsetBy: max(0, column - 1), limitedBy: scalars.endIndex)
    }

    static func isBreak(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": true
        default: false
        }
    }
}
