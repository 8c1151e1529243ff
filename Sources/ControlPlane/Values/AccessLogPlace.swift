import LinuxCalls

/// What `--access-log` names.
package enum AccessLogPlace: Equatable, Sendable {
    case standardOutput
    /// A file, which is made where there is none, or a FIFO.
    case file(String)
    /// A UNIX socket that somebody listens on, or reads datagrams from; `@NAME` for one without a file.
    case socket(path: String)

    /// The kernel takes no longer path (PATH_MAX with its closing zero byte).
    private static let pathBytesMax = 4095

    package init(_ text: String) throws(ValueProblem) {
        if text == "-" {
            self = .standardOutput
        } else if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard SocketAddress(unixText: path) != nil else {
                let reason = path.isEmpty ? "has no path" : "has a path longer than \(SocketAddress.pathBytesMax) bytes"
                throw ValueProblem(
                    reason, cure: "write unix:PATH with a path of 1 to \(SocketAddress.pathBytesMax) bytes")
            }
            self = .socket(path: path)
        } else {
            guard !text.isEmpty else { throw ValueProblem("has no path", cure: "write a file, - or unix:PATH") }
            guard text.utf8.count <= Self.pathBytesMax else {
                throw ValueProblem("has a path longer than \(Self.pathBytesMax) bytes", cure: "write a shorter one")
            }
            self = .file(text)
        }
    }

    /// As the flag takes it.
    package var text: String {
        switch self {
        case .standardOutput: "-"
        case .file(let path): path
        case .socket(let path): "unix:\(path)"
        }
    }
}
