import LinuxCalls

extension ProxyHeader {
    /// CR LF CR LF NUL CR LF `QUIT` LF.
    static let signature: InlineArray<12, UInt8> = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]
    /// Signature, version and command, family and transport, length of what follows.
    static let fixedLength = 16
    static let uniqueIDMax = 128

    /// Version 2: 16 fixed bytes, addresses by family, TLVs.
    ///
    /// The block of a header that names nobody (LOCAL, UNSPEC) is skipped unread, as the protocol wants. Addresses are
    /// taken whatever the transport: a datagram's sender is no less the client than a stream's, and the balancer is
    /// certainly not.
    static func binary(_ bytes: UnsafeRawBufferPointer) throws(LookStop) -> ProxyHeader {
        for place in 0..<signature.count where try byte(bytes, place) != signature[place] {
            throw .refused(.noProxyHeader)
        }
        let versionAndCommand = try byte(bytes, 12)
        guard versionAndCommand >> 4 == 2 else { throw .refused(.proxyVersion) }
        guard versionAndCommand & 15 <= 1 else { throw .refused(.proxyCommand) }
        let isCommandLocal = versionAndCommand & 15 == 0
        let family = try byte(bytes, 13)
        let addressLength = isCommandLocal ? 0 : try Self.addressLength(family)
        let length = fixedLength + Int(try byte(bytes, 14)) << 8 + Int(try byte(bytes, 15))
        guard length <= lengthMax else { throw .refused(.proxyLength) }
        guard length >= fixedLength + addressLength else { throw .refused(.proxyAddressLength) }
        guard bytes.count >= length else { throw .incomplete(needed: length) }

        var header = ProxyHeader(
            version: 2, isLocal: addressLength == 0, length: length, source: .unknown, destination: .unknown)
        guard !header.isLocal else { return header }
        let block = UnsafeRawBufferPointer(rebasing: bytes[..<length])
        header.readAddresses(block, family >> 4)
        try checkTLVs(block, from: fixedLength + addressLength)
        return header
    }

    private static func byte(_ bytes: UnsafeRawBufferPointer, _ place: Int) throws(LookStop) -> UInt8 {
        guard place < bytes.count else { throw .incomplete(needed: place + 1) }
        return bytes[place]
    }

    /// 0 for UNSPEC. A family without a transport, or the other way round, is refused: nobody says what its block
    /// looks like.
    private static func addressLength(_ familyAndTransport: UInt8) throws(LookStop) -> Int {
        switch familyAndTransport {
        case 0x00: 0
        case 0x11, 0x12: 12
        case 0x21, 0x22: 36
        case 0x31, 0x32: 216
        default: throw .refused(.proxyFamily)
        }
    }

    /// - Parameter block: at least as long as the family's addresses need.
    private mutating func readAddresses(_ block: UnsafeRawBufferPointer, _ family: UInt8) {
        func number<N: FixedWidthInteger & BitwiseCopyable>(at place: Int, _ type: N.Type) -> N {
            N(bigEndian: block.loadUnaligned(fromByteOffset: place, as: N.self))
        }
        switch family {
        case 1:
            source = SocketAddress(ipv4: number(at: 16, UInt32.self), port: number(at: 24, UInt16.self))
            destination = SocketAddress(ipv4: number(at: 20, UInt32.self), port: number(at: 26, UInt16.self))
        case 2:
            source = SocketAddress(ipv6: number(at: 16, UInt128.self), port: number(at: 48, UInt16.self))
            destination = SocketAddress(ipv6: number(at: 32, UInt128.self), port: number(at: 50, UInt16.self))
        default: break
        }
    }

    /// Each within the header, not within what happens to have come after it. What is in those that are not known is
    /// nobody's business here.
    private static func checkTLVs(_ header: UnsafeRawBufferPointer, from start: Int) throws(LookStop) {
        var checksumPlace: Int?
        var cursor = ByteCursor(header, start..<header.count)
        while !cursor.isAtEnd {
            guard let type = cursor.byte(), let value = cursor.block(lengthBytes: 2) else { throw .refused(.proxyTLV) }
            switch UInt8(truncatingIfNeeded: type) {
            case TLVType.checksum:
                guard value.count == 4, checksumPlace == nil else { throw .refused(.proxyTLV) }
                checksumPlace = value.place
            case TLVType.uniqueID:
                guard value.count <= uniqueIDMax else { throw .refused(.proxyTLV) }
            default: break
            }
        }
        guard let checksumPlace else { return }
        let said = UInt32(bigEndian: header.loadUnaligned(fromByteOffset: checksumPlace, as: UInt32.self))
        guard checksum(header, at: checksumPlace) == said else { throw .refused(.proxyChecksum) }
    }

    /// Over the whole header, with zeros for the four bytes of the checksum.
    static func checksum(_ header: UnsafeRawBufferPointer, at place: Int) -> UInt32 {
        var crc = CRC32C()
        crc.add(UnsafeRawBufferPointer(rebasing: header[..<place]))
        for _ in 0..<4 { crc.add(0) }
        crc.add(UnsafeRawBufferPointer(rebasing: header[(place + 4)...]))
        return crc.value
    }
}

/// The types that are read or written here (section 2.2). NOOP is 4, and is skipped like all the others.
enum TLVType {
    static let alpn: UInt8 = 0x01
    static let authority: UInt8 = 0x02
    static let checksum: UInt8 = 0x03
    static let uniqueID: UInt8 = 0x05
}
