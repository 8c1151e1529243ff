/// A name that gives a pool its servers, and how it is looked up.
package struct ResolveRules: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// IPv4 addresses.
        case a
        /// IPv6 addresses.
        case aaaa
        /// Both.
        case addresses
        /// Services (RFC 2782): names of servers with their ports, weights and priorities.
        case srv
    }

    package var name: String
    package var kind: Kind
    /// Of every server; 0 where services tell it themselves.
    package var port: UInt16
    /// From one look-up to the next; nil for as long as its answer may be kept.
    package var refreshMillis: Int64?

    package init(_ name: String, _ kind: Kind, port: UInt16 = 0, refreshMillis: Int64? = nil) {
        self.name = name
        self.kind = kind
        self.port = port
        self.refreshMillis = refreshMillis
    }

    /// However short or long an answer may be kept.
    package static let refreshMillisRange: ClosedRange<Int64> = 1_000...3_600_000

    func refreshMillis(secondsToLive: UInt32) -> Int64 {
        let range = Self.refreshMillisRange
        return refreshMillis ?? min(max(Int64(secondsToLive) * 1_000, range.lowerBound), range.upperBound)
    }
}

extension ResolveRules: CustomStringConvertible {
    /// As sentences call it.
    package var description: String { "\(name) (\(kind.rawValue))" }
}

extension ResolveRules {
    /// A name for name servers (RFC 1035, 2.3.4), which need not be a host's: services begin with underscores.
    static func name(_ text: String) throws(ValueProblem) -> String {
        let name = text.hasSuffix(".") ? text.dropLast() : text[...]
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard name.utf8.count <= 253, labels.allSatisfy({ (1...63).contains($0.utf8.count) }),
            name.utf8.allSatisfy(\.isOfName)
        else {
            throw ValueProblem(
                "is no name that can be looked up",
                cure: "write labels of 1 to 63 letters, digits, hyphens or underscores with dots between them")
        }
        // No top-level domain is a number, but the last part of an IPv4 address is.
        guard let last = labels.last, !WholeNumber.isDigits(last) else {
            throw ValueProblem("is an address", cure: "write it into servers")
        }
        return text
    }

    /// `ttl`, which is nil, or a time in milliseconds.
    static func refresh(_ text: String) throws(ValueProblem) -> Int64? {
        if text == "ttl" { return nil }
        let longest = TimeSpan(milliseconds: 24 * 3_600_000)
        do throws(ValueProblem) {
            return try TimeSpan(text, atLeast: Bounds.second, atMost: longest).milliseconds
        } catch {
            throw ValueProblem(error.reason, cure: "\(error.cure), or ttl")
        }
    }
}
