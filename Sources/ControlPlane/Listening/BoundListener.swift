import CLinux
import LinuxCalls

/// One listening address, with a socket for each worker.
///
/// TCP: each worker has its own socket and the kernel shares connections out (SO_REUSEPORT). UNIX sockets, and those that this
/// process was started with: there is one socket, and each worker has a duplicate of it. What is not taken is closed.
package final class BoundListener {
    /// With the port the kernel gave, where 0 was asked for.
    package let address: SocketAddress
    /// Nil for TCP.
    package let file: SocketFile?
    private var sockets: [Int32]

    /// Binds and listens.
    /// - Parameters:
    ///   - options: for TCP only.
    ///   - mode: for the file of a UNIX socket only.
    package init(
        _ wanted: SocketAddress, workers: Int, backlog: Int32, options: [SocketOption] = [], mode: UInt32? = nil
    ) throws(ValueProblem) {
        try SocketFile.clearWay(to: wanted)
        do throws(SystemError) {
            let isShared = wanted.isTCP && workers > 1
            if isShared && wanted.port != 0 { try ListeningSocket.probeFree(wanted, options: options) }
            let first = try ListeningSocket.open(
                wanted, sharing: isShared, backlog: backlog, options: options, mode: mode)
            let bound = wanted.isTCP ? try SocketAddress.local(of: first.number) : wanted
            address = bound
            file = SocketFile(madeBy: bound)
            sockets = [first.release()]
        } catch {
            throw Self.problem(error, wanted)
        }
        do throws(SystemError) {
            while sockets.count < workers { sockets.append(try another(backlog, options)) }
        } catch {
            file?.remove()
            throw Self.problem(error, wanted)
        }
    }

    /// Takes over a socket that listens already; its accept queue and its file are somebody else's.
    package init(
        inheriting socket: Int32, _ address: SocketAddress, workers: Int, options: [SocketOption] = []
    ) throws(ValueProblem) {
        self.address = address
        file = nil
        sockets = [socket]
        do throws(SystemError) {
            if address.isTCP { try ListeningSocket.prepare(socket, options) }
            while sockets.count < workers { sockets.append(try duplicate()) }
        } catch {
            throw Self.problem(error, address)
        }
    }

    deinit { for socket in sockets { _ = clinux_close(socket) } }

    /// The socket of one worker, which is to close it.
    package func take() -> (socket: Int32, isTCP: Bool)? {
        sockets.popLast().map { (socket: $0, isTCP: address.isTCP) }
    }

    private func another(_ backlog: Int32, _ options: [SocketOption]) throws(SystemError) -> Int32 {
        guard address.isTCP else { return try duplicate() }
        return try ListeningSocket.open(address, sharing: true, backlog: backlog, options: options).release()
    }

    private func duplicate() throws(SystemError) -> Int32 {
        try checked(clinux_duplicate(sockets[0]), "fcntl F_DUPFD_CLOEXEC")
    }

    private static func problem(_ error: SystemError, _ address: SocketAddress) -> ValueProblem {
        switch -error.code {
        case Errno.addressInUse:
            ValueProblem("is in use", cure: "stop the program that listens there or choose another one")
        case Errno.accessDenied, Errno.notPermitted:
            ValueProblem(
                "may not be bound (\(error.name))",
                cure: address.isTCP
                    ? "choose a port from net.ipv4.ip_unprivileged_port_start on or grant CAP_NET_BIND_SERVICE"
                    : "choose a directory this user may write to")
        case Errno.addressNotAvailable:
            ValueProblem(
                "is no address of this machine (\(error.name))", cure: "see `ip address`, or listen on 0.0.0.0 or [::]")
        case Errno.noEntry:
            ValueProblem("is in a directory that does not exist", cure: "make the directory or choose another path")
        case Errno.tooManyInProcess, Errno.tooManyInSystem:
            ValueProblem(
                "cannot be listened on for want of descriptors (\(error.name))",
                cure: "raise the limit with ulimit -n (LimitNOFILE=)")
        default:
            ValueProblem("cannot be listened on: \(error)", cure: "choose another address")
        }
    }
}
