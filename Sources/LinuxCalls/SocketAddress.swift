import CLinux

/// Where a socket is bound or connects to: IPv4, IPv6 or a UNIX path, as the kernel reads it.
///
/// The bytes are those of `struct sockaddr_storage`. Glibc's module is not imported here: its headers and liburing's
/// cannot be seen by one compilation. Source: ip(7), ipv6(7), unix(7).
package struct SocketAddress: BitwiseCopyable, Equatable, Sendable {
    private var storage: InlineArray<16, UInt64>
    /// How many bytes of the storage the kernel reads.
    package private(set) var length: UInt32

    /// The longest UNIX path that fits with its closing zero byte (unix(7): `sun_path` has 108 bytes).
    package static let pathBytesMax = 107
    /// `sizeof(struct sockaddr_storage)`.
    package static let bytesMax: UInt32 = 128

    /// Copies what `getaddrinfo` or the kernel gave.
    /// - Parameter length: at most 128.
    package init(_ pointer: UnsafeRawPointer, length: UInt32) {
        precondition(length <= Self.bytesMax, "SocketAddress: longer than any address")
        storage = InlineArray(repeating: 0)
        self.length = length
        withUnsafeMutableBytes(of: &storage) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: Int(length)))
        }
    }

    private init() {
        storage = InlineArray(repeating: 0)
        length = 0
    }

    package static func == (a: Self, b: Self) -> Bool {
        // What is behind the length is zero in each.
        a.length == b.length && (0..<16).allSatisfy { a.storage[$0] == b.storage[$0] }
    }

    /// No address: what stands for a peer that cannot be asked any more. Its family is 0.
    package static var unknown: SocketAddress { SocketAddress() }

    package var isUnknown: Bool { length == 0 }

    private init(at bytes: UnsafeRawBufferPointer, length: UInt32) {
        storage = InlineArray(repeating: 0)
        self.length = length
        withUnsafeMutableBytes(of: &storage) {
            $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<Int(length)]))
        }
    }

    /// Lets a call fill the storage; nil where it gives a negative length.
    private init?(filledBy call: (UnsafeMutableRawPointer) -> Int32) {
        var bytes = InlineArray<16, UInt64>(repeating: 0)
        let length = withUnsafeMutableBytes(of: &bytes) { $0.baseAddress.map(call) ?? -1 }
        guard length > 0 else { return nil }
        storage = bytes
        self.length = UInt32(length)
    }

    /// A dotted IPv4 address or an IPv6 address without brackets; nil where it is neither.
    package init?(numeric host: String, port: UInt16) {
        self.init(filledBy: { clinux_address_from_text(host, port, $0) })
    }

    /// A path of 1 to 107 bytes without a zero byte; nil otherwise.
    package init?(unixPath path: String) {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count <= Self.pathBytesMax, !bytes.contains(0) else { return nil }
        self.init(filledBy: { clinux_address_from_path(path, $0) })
    }

    /// A UNIX address as it is written: a path, or `@NAME` for a name without a file (unix(7): abstract). Nil where it has not 1 to 107
    /// bytes, or a zero byte.
    package init?(unixText text: String) {
        guard text.hasPrefix("@") else {
            self.init(unixPath: text)
            return
        }
        let name = Array(text.utf8.dropFirst())
        guard !name.isEmpty, name.count <= Self.pathBytesMax, !name.contains(0) else { return nil }
        self.init(filledBy: { clinux_address_from_abstract_name(name, name.count, $0) })
    }

    /// AF_INET and AF_INET6.
    package static let familyIPv4: Int32 = 2
    package static let familyIPv6: Int32 = 10

    /// AF_UNIX 1, AF_INET 2, AF_INET6 10.
    package var family: Int32 { Int32(UInt16(truncatingIfNeeded: storage[0])) }
    package var isIPv4: Bool { family == Self.familyIPv4 }
    package var isIPv6: Bool { family == Self.familyIPv6 }
    package var isTCP: Bool { isIPv4 || isIPv6 }
    package var isUNIX: Bool { family == 1 }

    /// The TCP port, 0 for a UNIX address.
    package var port: UInt16 {
        guard isTCP else { return 0 }
        return withBytes { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) }
    }

    /// From here on the port is 0, and a UNIX address stays as it is.
    package mutating func clearPort() {
        guard isTCP else { return }
        withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: 0, toByteOffset: 2, as: UInt16.self) }
    }

    /// The file's path, nil where this is no UNIX address with a name.
    package var unixPath: String? {
        guard isUNIX else { return nil }
        return withBytes { bytes in
            let path = bytes.dropFirst(2).prefix { $0 != 0 }
            return path.isEmpty ? nil : String(decoding: path, as: UTF8.self)
        }
    }

    /// The name of a UNIX address that has no file; nil for all others.
    package var abstractName: String? {
        guard isUNIX else { return nil }
        return withBytes { bytes in
            bytes.count > 3 && bytes[2] == 0 ? String(decoding: bytes.dropFirst(3), as: UTF8.self) : nil
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

    /// Becomes what `getpeername` says of a socket, or `unknown` where it says nothing, as of a peer that has gone
    /// (ENOTCONN). Gives 0 or `-errno`.
    package mutating func becomePeer(of socket: Int32) -> Int32 { become(clinux_peer_address, of: socket) }

    /// The same by `getsockname`.
    package mutating func becomeLocal(of socket: Int32) -> Int32 { become(clinux_local_address, of: socket) }

    private mutating func become(
        _ call: (Int32, UnsafeMutableRawPointer, UnsafeMutablePointer<UInt32>) -> Int32, of socket: Int32
    ) -> Int32 {
        self = .unknown
        var said = Self.bytesMax
        let result = withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.baseAddress.map { call(socket, $0, &said) } ?? -1
        }
        guard result == 0 else { return result }
        length = min(said, Self.bytesMax)
        return 0
    }

    private static func asked(
        _ socket: Int32, _ name: StaticString,
        _ call: (Int32, UnsafeMutableRawPointer, UnsafeMutablePointer<UInt32>) -> Int32
    ) throws(SystemError) -> SocketAddress {
        var bytes = InlineArray<16, UInt64>(repeating: 0)
        var length = bytesMax
        let result = withUnsafeMutableBytes(of: &bytes) { $0.baseAddress.map { call(socket, $0, &length) } ?? -1 }
        _ = try checked(result, name)
        return withUnsafeBytes(of: &bytes) { SocketAddress(at: $0, length: min(length, bytesMax)) }
    }
}

extension SocketAddress: CustomStringConvertible {
    /// `192.0.2.1` or `2001:db8::1`; empty for a UNIX address.
    package var host: String {
        guard isTCP else { return "" }
        return withBytes { bytes in
            String(unsafeUninitializedCapacity: 64) { buffer in
                Int(max(0, clinux_address_to_text(bytes.baseAddress, buffer.baseAddress, 64)))
            }
        }
    }

    /// `192.0.2.1:80`, `[2001:db8::1]:80`, `unix:/path`, `unix:@name`: the form the flags take.
    package var description: String {
        if isUnknown { return "unknown" }
        guard isTCP else { return "unix:\(unixPath ?? abstractName.map { "@\($0)" } ?? "")" }
        return isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
