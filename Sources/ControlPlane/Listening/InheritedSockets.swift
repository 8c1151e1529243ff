import CLinux
import Glibc
import LinuxCalls

/// Listening sockets that this process was started with: by the number of their descriptor, or by the name that a service manager has
/// given them (sd_listen_fds(3)).
package struct InheritedSockets: Sendable {
    /// In the order of their descriptors.
    private let named: [(name: String, number: Int32)]

    /// A service manager's first one; those before it are the standard streams.
    package static let firstNumber: Int32 = 3
    /// Of a service manager's, at most.
    private static let countMax = 4096

    /// Reads `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES`, and keeps what was passed from programs that this one may start.
    /// - Parameters:
    ///   - environment: a variable's value, nil where it is not set.
    ///   - process: whose variables these are, if `LISTEN_PID` says so.
    package init(process: Int32 = getpid(), _ environment: (String) -> String?) {
        guard let count = environment("LISTEN_FDS").flatMap({ Int($0) }), (1...Self.countMax).contains(count),
            environment("LISTEN_PID").flatMap({ Int32($0) }) == process
        else {
            named = []
            return
        }
        let names = environment("LISTEN_FDNAMES")?.split(separator: ":", omittingEmptySubsequences: false) ?? []
        named = (0..<count).map { index in
            (index < names.count ? String(names[index]) : "unknown", Self.firstNumber + Int32(index))
        }
        for one in named { _ = fcntl(one.number, F_SETFD, FD_CLOEXEC) }
    }

    /// Those of a number or a name. They belong to the caller from here on, do not block, and are closed by execve(2).
    /// - Parameter wanted: as behind `fd:`.
    package func take(_ wanted: String) throws(ValueProblem) -> [(socket: Int32, address: SocketAddress)] {
        try numbers(wanted).map { number throws(ValueProblem) in
            let address = try Self.listening(number)
            _ = fcntl(number, F_SETFD, FD_CLOEXEC)
            _ = clinux_set_nonblocking(number, 1)
            return (number, address)
        }
    }

    private func numbers(_ wanted: String) throws(ValueProblem) -> [Int32] {
        if let number = Int32(wanted) { return [number] }
        let found = named.filter { $0.name == wanted }.map(\.number)
        guard found.isEmpty else { return found }
        let names = Set(named.map(\.name)).sorted().joined(separator: ", ")
        throw ValueProblem(
            "is no socket that this process was given",
            cure: names.isEmpty
                ? "write FileDescriptorName=\(wanted) into a socket unit, and start it by that"
                : "the sockets that it was given are called \(names)")
    }

    /// Where a listening stream socket listens.
    private static func listening(_ number: Int32) throws(ValueProblem) -> SocketAddress {
        let type = clinux_socket_type(number)
        switch type {
        case Errno.badDescriptor:
            throw ValueProblem("is not open", cure: "start this process with a listening socket there")
        case SocketType.stream: break
        case ..<0: throw ValueProblem("is no socket", cure: "name a socket that listens")
        default: throw ValueProblem("is no stream socket", cure: "write ListenStream= into the socket unit")
        }
        guard clinux_socket_listens(number) == 1 else {
            throw ValueProblem(
                "does not listen", cure: "call listen(2) before the start; in a socket unit, write Accept=no")
        }
        let address = try? SocketAddress.local(of: number)
        let isTCP = SocketType.tcp.contains(clinux_socket_protocol(number))
        guard let address, address.isUNIX || (address.isTCP && isTCP) else {
            throw ValueProblem("is neither a TCP nor a UNIX socket", cure: "name one that is")
        }
        return address
    }

    private enum SocketType {
        static let stream: Int32 = 1
        /// IPPROTO_TCP, IPPROTO_MPTCP
        static let tcp: [Int32] = [6, 262]
    }
}
