/// What may stand for names in a route: a host name, or `*.` and one.
package enum NamePattern {
    /// Of a name, without a trailing dot (RFC 1035 2.3.4, as text).
    package static let bytesMax = 253
    package static let labelBytesMax = 63

    package enum Problem: CaseIterable, Sendable {
        case empty
        case tooLong
        case emptyLabel
        case labelTooLong
        case wildcardPlace
        case wildcardAlone
        case notASCII
        case otherByte

        package var reason: StaticString {
            switch self {
            case .empty: "is empty"
            case .tooLong: "has more than 253 bytes"
            case .emptyLabel: "has nothing before, behind or between dots"
            case .labelTooLong: "has more than 63 bytes between two dots"
            case .wildcardPlace: "has an asterisk elsewhere than as its first label"
            case .wildcardAlone: "is for every name there is"
            case .notASCII: "is not in ASCII, as names on the wire are"
            case .otherByte: "has a character that no host name has"
            }
        }

        package var cure: StaticString {
            switch self {
            case .empty, .tooLong, .emptyLabel, .labelTooLong:
                "write a host name such as shop.example.com, or *.example.com"
            case .wildcardPlace: "write *.example.com for all names below example.com"
            case .wildcardAlone: "leave names out, which makes it the default route, or write *.example.com"
            case .notASCII: "write it in its ASCII form, which begins with xn--"
            case .otherByte: "use letters, digits, hyphens, underscores and dots"
            }
        }
    }

    /// Nil for a good pattern. A trailing dot is allowed and means nothing.
    package static func problem(in pattern: String) -> Problem? {
        guard pattern.utf8.allSatisfy({ $0 < 0x80 }) else { return .notASCII }
        var name = Array(pattern.utf8)[...]
        guard name != [UInt8(ascii: "*")] else { return .wildcardAlone }
        if name.starts(with: "*.".utf8) { name = name.dropFirst(2) }
        if name.count > 1, name.last == UInt8(ascii: ".") { name = name.dropLast() }
        guard !name.isEmpty else { return .empty }
        guard name.count <= bytesMax else { return .tooLong }
        guard !name.contains(UInt8(ascii: "*")) else { return .wildcardPlace }
        guard name.allSatisfy({ $0 == UInt8(ascii: ".") || $0.isOfLabel }) else { return .otherByte }
        for label in name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard !label.isEmpty else { return .emptyLabel }
            guard label.count <= labelBytesMax else { return .labelTooLong }
        }
        return nil
    }

    /// What a good pattern is found by, in lower case.
    static func key(of pattern: String) -> (key: [UInt8], isWildcard: Bool) {
        var name = Array(pattern.utf8)[...]
        let isWildcard = name.starts(with: "*.".utf8)
        if isWildcard { name = name.dropFirst(2) }
        if name.last == UInt8(ascii: ".") { name = name.dropLast() }
        return (name.map(\.lowercased), isWildcard)
    }
}

extension UInt8 {
    fileprivate var isOfLabel: Bool {
        switch lowercased {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
