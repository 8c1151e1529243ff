/// The PROXY header that servers of a pool get before anything of the client.
package struct HeaderRules: BitwiseCopyable, Equatable, Sendable {
    package enum Version: UInt8, BitwiseCopyable, CaseIterable, Sendable {
        case v1
        case v2
    }

    /// What a header of version 2 says beside the addresses.
    package struct Extras: OptionSet, BitwiseCopyable, Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The name in the client's ClientHello.
        package static let authority = Extras(rawValue: 1)
        /// The first protocol in the client's ClientHello.
        package static let alpn = Extras(rawValue: 2)
        /// 16 bytes that no other connection has: when the worker began, its number, and the connection's.
        package static let uniqueID = Extras(rawValue: 4)
        /// CRC-32C over the header.
        package static let checksum = Extras(rawValue: 8)
        static let ofHello: Extras = [.authority, .alpn]
    }

    package var version: Version
    package var extras: Extras

    package init(_ version: Version, _ extras: Extras = []) {
        self.version = version
        self.extras = extras
    }
}
