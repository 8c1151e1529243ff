import CLinux

/// Listening sockets: bound, with the options that accepted sockets inherit from them.
package enum ListeningSocket {
    /// Binds and listens.
    ///
    /// TCP_NODELAY and SO_OOBINLINE are set here because an accepted socket inherits them (tcp(7)), which saves two
    /// calls for each connection.
    /// - Parameters:
    ///   - sharing: SO_REUSEPORT, one socket for each worker. Ignored for UNIX addresses.
    ///   - backlog: accept queue length asked for; the kernel caps it at net.core.somaxconn (listen(2)).
    ///   - options: for TCP only.
    ///   - mode: of a UNIX socket's file (chmod(2)); nil for what the umask leaves. It is set before anybody can connect.
    package static func open(
        _ address: SocketAddress, sharing: Bool, backlog: Int32, options: [SocketOption] = [], mode: UInt32? = nil
    ) throws(SystemError) -> OwnedDescriptor {
        let socket = OwnedDescriptor(try checked(clinux_socket(address.family), "socket"))
        if address.isTCP {
            _ = try checked(clinux_set_reuse_address(socket.number), "setsockopt SO_REUSEADDR")
            if sharing { _ = try checked(clinux_set_reuse_port(socket.number), "setsockopt SO_REUSEPORT") }
            if address.isIPv6 { _ = try checked(clinux_set_ipv6_only(socket.number), "setsockopt IPV6_V6ONLY") }
            try prepare(socket.number, options)
        }
        let bound = address.withBytes { clinux_bind(socket.number, $0.baseAddress, address.length) }
        _ = try checked(bound, "bind")
        if let mode, let path = address.unixPath { _ = try checked(clinux_set_mode(path, mode), "chmod") }
        _ = try checked(clinux_listen(socket.number, backlog), "listen")
        return socket
    }

    /// What every accepted TCP socket of ours inherits, and what was asked for.
    package static func prepare(_ socket: Int32, _ options: [SocketOption]) throws(SystemError) {
        _ = try checked(clinux_set_no_delay(socket), "setsockopt TCP_NODELAY")
        _ = try checked(clinux_set_urgent_inline(socket), "setsockopt SO_OOBINLINE")
        for option in options { _ = try checked(option.set(on: socket), option.call) }
    }

    /// Throws EADDRINUSE where somebody already listens there.
    ///
    /// Sockets that share a port by SO_REUSEPORT would let a second process of the same user slip in beside the first
    /// one and take half of its connections; a bind without the option shows it (socket(7)).
    package static func probeFree(_ address: SocketAddress, options: [SocketOption] = []) throws(SystemError) {
        _ = try open(address, sharing: false, backlog: 1, options: options)
    }
}
