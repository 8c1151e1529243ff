/// What `--upstream` names.
package enum Upstream: Sendable {
    /// The echo server inside the process.
    case echo
    case endpoint(Endpoint)

    package init(_ text: String) throws(ValueProblem) {
        self = text == "echo" ? .echo : .endpoint(try Endpoint(text, ports: 1...65_535))
    }

    package var isEcho: Bool {
        switch self {
        case .echo: true
        case .endpoint: false
        }
    }
}
