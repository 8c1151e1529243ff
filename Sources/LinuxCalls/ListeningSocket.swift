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
    package static func open(_ address: SocketAddress, sharing: Bool, backlog: Int32) throws(SystemError)
        -> OwnedDescriptor
    {
        let socket = OwnedDescriptor(try checked(clinux_socket(address.family), "socket"))
        if address.isTCP {
            _ = try checked(clinux_set_reuse_address(socket.number), "setsockopt SO_REUSEADDR")
            if sharing { _ = try checked(clinux_set_reuse_port(socket.number), "setsockopt SO_REUSEPORT") }
            if address.isIPv6 { _ = try checked(clinux_set_ipv6_only(socket.number), "setsockopt IPV6_V6ONLY") }
            _ = try checked(clinux_set_no_delay(socket.number), "setsockopt TCP_NODELAY")
            _ = try checked(clinux_set_urgent_inline(socket.number), "setsockopt SO_OOBINLINE")
        }
        let bound = address.withBytes { clinux_bind(socket.number, $0.baseAddress, address.length) }
        _ = try checked(bound, "bind")
        _ = try checked(clinux_listen(socket.number, backlog), "listen")
        return socket
    }

    /// Throws EADDRINUSE where somebody already listens there.
    ///
    /// Sockets that share a port by SO_REUSEPORT would let a second process of the same user slip in beside the first
    /// one and take half of its connections; a bind without the option shows it (socket(7)).
    package static func probeFree(_ address: SocketAddress) throws(SystemError) {
        _ = try open(address, sharing: false, backlog: 1)
    }
}
