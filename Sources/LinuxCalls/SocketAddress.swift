import CLinux
import Glibc

/// Where a socket is bound or connects to: IPv4, IPv6 or a UNIX path, as the kernel reads it.
///
/// Source: ip(7), ipv6(7), unix(7).
package struct SocketAddress: BitwiseCopyable, Sendable {
    private var storage: sockaddr_storage
    /// How many bytes of the storage the kernel reads.
    package private(set) var length: UInt32

    /// The longest UNIX path that fits with its closing zero byte (unix(7): `sun_path` has 108 bytes).
    package static let pathBytesMax = 107

    /// Copies what `getaddrinfo` or the kernel gave. `length` is at most 128.
    package init(_ pointer: UnsafeRawPointer, length: UInt32) {
        precondition(length <= UInt32(MemoryLayout<sockaddr_storage>.size), "SocketAddress: longer than any address")
        storage = sockaddr_storage()
        self.length = length
        withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: .init(start: pointer, count: Int(length))) }
    }

    /// A dotted IPv4 address or an IPv6 address without brackets; nil where it is neither.
    package init?(numeric host: String, port: UInt16) {
        var v4 = sockaddr_in()
        var v6 = sockaddr_in6()
        if inet_pton(AF_INET, host, &v4.sin_addr) == 1 {
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = port.bigEndian
            self.init(&v4, length: UInt32(MemoryLayout<sockaddr_in>.size))
        } else if inet_pton(AF_INET6, host, &v6.sin6_addr) == 1 {
            v6.sin6_family = sa_family_t(AF_INET6)
            v6.sin6_port = port.bigEndian
            self.init(&v6, length: UInt32(MemoryLayout<sockaddr_in6>.size))
        } else {
            return nil
        }
    }

    /// A path of 1 to 107 bytes without a zero byte; nil otherwise.
    package init?(unixPath path: String) {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count <= Self.pathBytesMax, !bytes.contains(0) else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        self.init(&address, length: UInt32(MemoryLayout<sockaddr_un>.size))
    }

    package var family: Int32 { Int32(storage.ss_family) }
    package var isTCP: Bool { family == AF_INET || family == AF_INET6 }
    package var isIPv6: Bool { family == AF_INET6 }
    package var isUNIX: Bool { family == AF_UNIX }

    /// The TCP port, 0 for a UNIX address.
    package var port: UInt16 {
        switch family {
        case AF_INET: withBytes { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) }
        case AF_INET6: withBytes { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) }
        default: 0
        }
    }

    /// The file's path, nil where this is no UNIX address with a name.
    package var unixPath: String? {
        guard isUNIX else { return nil }
        return withBytes { bytes in
            let path = bytes.dropFirst(2).prefix { $0 != 0 }
            return path.isEmpty ? nil : String(decoding: path, as: UTF8.self)
        }
    }

    /// The bytes the kernel reads, valid inside `body` only.
    package func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeBytes(of: storage) { body(UnsafeRawBufferPointer(rebasing: $0[0..<Int(length)])) }
    }

    /// What `getsockname` says of a socket.
    package static func local(of socket: Int32) throws(SystemError) -> SocketAddress {
        try asked(socket, "getsockname", clinux_local_address)
    }

    /// What `getpeername` says of a socket.
    package static func peer(of socket: Int32) throws(SystemError) -> SocketAddress {
        try asked(socket, "getpeername", clinux_peer_address)
    }

    private static func asked(
        _ socket: Int32, _ name: StaticString,
        _ call: (Int32, UnsafeMutableRawPointer, UnsafeMutablePointer<UInt32>) -> Int32
    ) throws(SystemError) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = UInt32(MemoryLayout<sockaddr_storage>.size)
        _ = try checked(call(socket, &storage, &length), name)
        return SocketAddress(&storage, length: min(length, UInt32(MemoryLayout<sockaddr_storage>.size)))
    }
}

extension SocketAddress: CustomStringConvertible {
    /// `192.0.2.1:80`, `[2001:db8::1]:80`, `unix:/path`: the form the flags take.
    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        switch family {
        case AF_INET:
            withBytes { _ = inet_ntop(AF_INET, $0.baseAddress?.advanced(by: 4), &text, socklen_t(INET6_ADDRSTRLEN)) }
            return "\(Self.text(text)):\(port)"
        case AF_INET6:
            withBytes { _ = inet_ntop(AF_INET6, $0.baseAddress?.advanced(by: 8), &text, socklen_t(INET6_ADDRSTRLEN)) }
            return "[\(Self.text(text))]:\(port)"
        default:
            return "unix:\(unixPath ?? "")"
        }
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
