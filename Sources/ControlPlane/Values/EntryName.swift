/// What a listener or a pool may be called: fit for log lines, metrics and paths.
package enum EntryName {
    package static let bytesMax = 64

    package static func parse(_ text: String) throws(ValueProblem) -> String {
        guard (1...bytesMax).contains(text.utf8.count), text.utf8.allSatisfy(\.isOfName) else {
            throw ValueProblem(
                "is no name", cure: "write 1 to \(bytesMax) letters, digits, hyphens, dots or underscores")
        }
        return text
    }
}

extension UInt8 {
    /// An ASCII letter or digit, a hyphen, a dot or an underscore.
    var isOfName: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
