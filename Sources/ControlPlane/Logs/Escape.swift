/// Text from strangers made fit for one line: nothing in it ends the line, moves the cursor or turns the writing around.
package enum Escape {
    /// Control characters become `\n`, `\t`, `\r` or `\u{…}`; the rest stays.
    package static func controls(in text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if isControl(scalar) { result += braced(scalar) } else { result.unicodeScalars.append(scalar) }
        }
        return result
    }

    /// A value of a text line: quoted where it is empty or holds a space, a quote, a backslash, an equals sign or a
    /// control character.
    package static func value(_ text: String) -> String {
        let isPlain =
            !text.isEmpty && text.unicodeScalars.allSatisfy { $0 > " " && !" \"\\=".unicodeScalars.contains($0) }
        return isPlain ? controls(in: text) : json(text)
    }

    /// A JSON string with its quotes (RFC 8259).
    package static func json(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where isControl(scalar): result += fourDigits(scalar)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// C0, DEL, C1, the line and paragraph separators, and the marks that reorder text (all below U+10000).
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    private static func braced(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(String(scalar.value, radix: 16))}"
        }
    }

    private static func fourDigits(_ scalar: Unicode.Scalar) -> String {
        let hex = String(scalar.value, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
    }
}
