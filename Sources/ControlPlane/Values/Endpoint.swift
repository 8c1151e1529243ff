import LinuxCalls

/// Where to listen or to connect: `HOST:PORT`, `[IPv6]:PORT`, `unix:PATH` or `unix:@NAME`. A host that is no address is a name,
/// looked up at start. Listeners may be `fd:NUMBER` or `fd:NAME` too.
package struct Endpoint: Equatable, Sendable {
    package enum Place: Sendable {
        case address(SocketAddress)
        case name(String, port: UInt16)
        /// A socket that this process was started with: the number of its descriptor, or the name that a service manager gave it.
        case inherited(String)
    }

    package let place: Place
    /// As it was written.
    package let text: String

    /// - Parameter ports: 0 is for listeners only, where the kernel picks the port.
    /// - Parameter inherits: whether `fd:` is one that this process was started with, and no host's name.
    package init(_ text: String, ports: ClosedRange<Int>, inherits: Bool = false) throws(ValueProblem) {
        self.text = text
        if inherits, text.hasPrefix("fd:") {
            place = .inherited(try Self.inherited(text.dropFirst(3)))
        } else if text.hasPrefix("unix:") {
            place = try Self.unix(text.dropFirst(5))
        } else {
            place = try Self.tcp(text, ports)
        }
    }

    package static func == (a: Self, b: Self) -> Bool { a.text == b.text }

    package var isName: Bool {
        switch place {
        case .address, .inherited: false
        case .name: true
        }
    }

    /// A service manager's names have at most so many bytes (sd_listen_fds(3)).
    private static let nameBytesMax = 255

    private static func inherited(_ wanted: Substring) throws(ValueProblem) -> String {
        let cure = "write fd:NUMBER with a number from \(InheritedSockets.firstNumber) on, or fd:NAME"
        if WholeNumber.isDigits(wanted) {
            guard let number = Int32(wanted), number >= InheritedSockets.firstNumber else {
                throw ValueProblem("has a number that no socket can have", cure: cure)
            }
            return "\(number)"
        }
        guard !wanted.isEmpty, wanted.utf8.count <= nameBytesMax,
            wanted.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") })
        else { throw ValueProblem("has neither a number nor a name", cure: cure) }
        return String(wanted)
    }

    private static func unix(_ path: Substring) throws(ValueProblem) -> Place {
        guard let address = SocketAddress(unixText: String(path)) else {
            let reason =
                path.isEmpty || path == "@"
                ? "has no path" : "has a path longer than \(SocketAddress.pathBytesMax) bytes"
            throw ValueProblem(reason, cure: "write unix:PATH with a path of 1 to \(SocketAddress.pathBytesMax) bytes")
        }
        return .address(address)
    }

    private static func tcp(_ text: String, _ ports: ClosedRange<Int>) throws(ValueProblem) -> Place {
        guard let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") else {
            throw ValueProblem("has no port", cure: "write HOST:PORT, [IPv6]:PORT or unix:PATH")
        }
        let host = text[..<colon]
        // An IPv6 address without brackets is seen before its last group is taken for a port.
        guard !host.contains(":") || host.hasPrefix("[") else {
            throw ValueProblem("has more than one colon", cure: "write an IPv6 address in brackets, [ADDRESS]:PORT")
        }
        let port = try Self.port(text[text.index(after: colon)...], ports)
        return host.hasPrefix("[") ? try bracketed(host, port) : try plain(host, port)
    }

    private static func port(_ digits: Substring, _ range: ClosedRange<Int>) throws(ValueProblem) -> UInt16 {
        guard !digits.isEmpty else { throw ValueProblem("has no port", cure: "write HOST:PORT") }
        guard WholeNumber.isDigits(digits), let number = Int(digits), range.contains(number) else {
            throw ValueProblem(
                "has a port that is none", cure: "write a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return UInt16(number)
    }

    private static func bracketed(_ host: Substring, _ port: UInt16) throws(ValueProblem) -> Place {
        let inside = String(host.dropFirst().dropLast())
        // A zone (`fe80::1%eth0`) is understood by the resolver only.
        if host.hasSuffix("]"), inside.contains("%"), inside.contains(":") { return .name(inside, port: port) }
        guard host.hasSuffix("]"), let address = SocketAddress(numeric: inside, port: port), address.isIPv6 else {
            throw ValueProblem("has no IPv6 address in its brackets", cure: "write [ADDRESS]:PORT, e.g. [::1]:80")
        }
        return .address(address)
    }

    private static func plain(_ host: Substring, _ port: UInt16) throws(ValueProblem) -> Place {
        if let address = SocketAddress(numeric: String(host), port: port) { return .address(address) }
        guard !host.isEmpty else {
            throw ValueProblem("has no host", cure: "write HOST:PORT, e.g. 0.0.0.0:\(port) or [::]:\(port)")
        }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        // A name whose last label is a number would be read as a short IPv4 address (inet_aton(3)).
        if let last = labels.last, WholeNumber.isDigits(last) {
            throw ValueProblem(
                "is not an IPv4 address", cure: "write four numbers from 0 to 255 with dots between them")
        }
        guard host.utf8.count <= 253, host.utf8.allSatisfy(\.isOfName) else {
            throw ValueProblem(
                "is not a host name",
                cure: "use letters, digits, dots and hyphens, or write unix:PATH for a socket file")
        }
        return .name(String(host), port: port)
    }
}
