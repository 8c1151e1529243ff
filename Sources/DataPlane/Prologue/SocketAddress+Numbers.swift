import LinuxCalls

extension SocketAddress {
    /// - Parameters in host byte order.
    package init(ipv4 address: UInt32, port: UInt16) {
        var bytes = InlineArray<2, UInt64>(repeating: 0)
        self = withUnsafeMutableBytes(of: &bytes) { sockaddr in
            // AF_INET; port and address are in network order (ip(7)).
            sockaddr.storeBytes(of: 2, as: UInt16.self)
            sockaddr.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
            sockaddr.storeBytes(of: address.bigEndian, toByteOffset: 4, as: UInt32.self)
            return SocketAddress(prefix: 16, of: UnsafeRawBufferPointer(sockaddr))
        }
    }

    package init(ipv6 address: UInt128, port: UInt16) {
        var bytes = InlineArray<4, UInt64>(repeating: 0)
        self = withUnsafeMutableBytes(of: &bytes) { sockaddr in
            // AF_INET6, port, flow, address, scope (ipv6(7)).
            sockaddr.storeBytes(of: 10, as: UInt16.self)
            sockaddr.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
            sockaddr.storeBytes(of: address.bigEndian, toByteOffset: 8, as: UInt128.self)
            return SocketAddress(prefix: 28, of: UnsafeRawBufferPointer(sockaddr))
        }
    }

    private init(prefix length: Int, of bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count >= length else {
            self = .unknown
            return
        }
        self.init(base, length: UInt32(truncatingIfNeeded: length))
    }
}
