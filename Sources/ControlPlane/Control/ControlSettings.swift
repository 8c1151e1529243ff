import LinuxCalls

/// Where the process is asked and told while it runs.
package struct ControlSettings: Equatable, Sendable {
    package var socket: Placed<String>
    /// Of its file. Whomever it lets in, only root and the process's own user are answered.
    package var mode: UInt32 = 0o600

    package init(_ socket: Placed<String>) { self.socket = socket }

    /// Where the commands look for it that are not told.
    package static let standardPath = "/run/longsplice/control.sock"

    /// The socket, 64 clients and one that is about to be refused, an event loop's epoll, event and timer, and the deadlines' four.
    static let descriptorsMax = 1 + 64 + 1 + 3 + 4

    /// A path as UNIX addresses have it.
    package static func path(_ text: String) throws(ValueProblem) -> String {
        guard !text.hasPrefix("@"), SocketAddress(unixPath: text) != nil else {
            throw ValueProblem(
                "is no path of a UNIX socket",
                cure: "write a path of 1 to \(SocketAddress.pathBytesMax) bytes, for example \(standardPath)")
        }
        return text
    }
}
