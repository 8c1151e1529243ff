/// A JSON text in the order it is written (RFC 8259).
package struct JSONText {
    package private(set) var text = ""
    private var needsComma = false

    package init() {}

    package mutating func object(_ key: String? = nil, _ body: (inout JSONText) -> Void) { nest(key, "{", "}", body) }
    package mutating func array(_ key: String? = nil, _ body: (inout JSONText) -> Void) { nest(key, "[", "]", body) }

    package mutating func field(_ key: String? = nil, _ value: String) { put(key, Self.quoted(value)) }
    package mutating func field(_ key: String? = nil, _ value: UInt64) { put(key, "\(value)") }
    package mutating func field(_ key: String? = nil, _ value: Int) { put(key, "\(value)") }
    package mutating func field(_ key: String? = nil, _ value: Bool) { put(key, value ? "true" : "false") }
    package mutating func null(_ key: String? = nil) { put(key, "null") }

    /// JSON knows no infinity and nothing that is no number; both become null.
    package mutating func field(_ key: String? = nil, _ value: Double) {
        put(key, value.isFinite ? "\((value * 1e6).rounded() / 1e6)" : "null")
    }

    private mutating func nest(_ key: String?, _ open: String, _ close: String, _ body: (inout JSONText) -> Void) {
        put(key, open)
        needsComma = false
        body(&self)
        text += close
        needsComma = true
    }

    private mutating func put(_ key: String?, _ value: String) {
        if needsComma { text += "," }
        if let key { text += "\(Self.quoted(key)):" }
        text += value
        needsComma = true
    }

    private static func quoted(_ value: String) -> String {
        var result = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
