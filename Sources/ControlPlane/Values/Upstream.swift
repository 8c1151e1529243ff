/// What `--upstream` names.
package enum Upstream: Equatable, Sendable {
    /// The echo server inside the process.
    case echo
    case endpoint(Endpoint)

    package init(_ text: String) throws(ValueProblem) {
        self = text == "echo" ? .echo : .endpoint(try Endpoint(text, ports: 1...65_535))
    }

    /// As it was written.
    package var text: String {
        switch self {
        case .echo: "echo"
        case .endpoint(let endpoint): endpoint.text
        }
    }

    package var isEcho: Bool {
        switch self {
        case .echo: true
        case .endpoint: false
        }
    }
}
