/// What a TLS ClientHello says about where it wants to go; nothing is deciphered. Sources: RFC 8446 4.1.2, RFC 6066 3,
/// RFC 7301, RFC 9849.
package struct ClientHello: BitwiseCopyable {
    /// SNI's host name, in the scratch; nil where there is none, and where it cannot be one: empty, over 255 bytes, or
    /// with a NUL. Case and a trailing dot are as they came.
    package var serverName: Range<Int>? { name.range }
    /// ALPN's list of names, in the scratch, for `ProtocolNames`; nil where there is none.
    package var protocols: Range<Int>? { protocolList.range }
    var name = Part()
    var protocolList = Part()
    /// The true name is encrypted (ECH) and `serverName` is the outer one, by which such a stream is routed. Also true
    /// of browsers that only pretend (GREASE), which nobody can tell apart.
    package var hasEncryptedHello = false

    /// The longest message that is taken, in bytes, its own header included. Post-quantum key shares need about 2000.
    package static let messageMax = 16_384
    /// The longest beginning of a stream that is looked at, in bytes: a message and the headers of a hundred records.
    package static let lengthMax = messageMax + 100 * TLSRecords.headerLength

    /// Looks at all bytes so far. The ranges of what is found lie in `scratch`, where the message is put together from
    /// its records.
    /// - Parameter scratch: of `lengthMax` bytes; in a shorter one longer messages are refused.
    package static func look(
        _ bytes: UnsafeRawBufferPointer, scratch: UnsafeMutableRawBufferPointer
    ) -> PrologueLook<ClientHello> {
        do throws(LookStop) {
            let length = try TLSRecords.gather(bytes, into: scratch)
            return .found(try ClientHello(message: UnsafeRawBufferPointer(rebasing: scratch[..<length])))
        } catch { return PrologueLook(error) }
    }

    /// Of the message; empty for none. (A `Range` is not `BitwiseCopyable`.)
    struct Part: BitwiseCopyable {
        var start = 0
        var count = 0

        var range: Range<Int>? { count > 0 ? start..<start + count : nil }
    }
}
