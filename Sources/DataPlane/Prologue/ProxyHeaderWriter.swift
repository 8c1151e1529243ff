import CLinux
import LinuxCalls

/// Writes headers of the PROXY protocol. Each call gives the header's length in bytes, or 0 where it would not fit;
/// what was written until then has no meaning.
package struct ProxyHeaderWriter: ~Copyable {
    private let buffer: UnsafeMutableRawBufferPointer
    private var length = 0
    private var fits = true

    private init(_ buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }

    /// `PROXY TCP4 …` or `PROXY TCP6 …`; `PROXY UNKNOWN` for a mixed pair, a UNIX path or no address. IPv4 in its IPv6
    /// form is written as IPv4 where both are.
    package static func writeV1(
        source: SocketAddress, destination: SocketAddress, into buffer: UnsafeMutableRawBufferPointer
    ) -> Int {
        var writer = ProxyHeaderWriter(buffer)
        let pair = EndpointPair(source, destination)
        switch pair.family {
        case .ipv4: writer.add("PROXY TCP4 ")
        case .ipv6: writer.add("PROXY TCP6 ")
        case nil:
            writer.add("PROXY UNKNOWN\r\n")
            return writer.written
        }
        writer.addText(pair.source)
        writer.add(" ")
        writer.addText(pair.destination)
        writer.add(" ")
        writer.addDecimal(pair.source.port)
        writer.add(" ")
        writer.addDecimal(pair.destination.port)
        writer.add("\r\n")
        return writer.written
    }

    /// PROXY over TCP; with the family UNSPEC and without addresses for what version 1 calls UNKNOWN. Gives 0 also
    /// where an identifier has more than 128 bytes.
    package static func writeV2(
        source: SocketAddress, destination: SocketAddress, tlvs: ProxyTLVs = ProxyTLVs(),
        into buffer: UnsafeMutableRawBufferPointer
    ) -> Int {
        guard (tlvs.uniqueID?.count ?? 0) <= ProxyHeader.uniqueIDMax else { return 0 }
        var writer = ProxyHeaderWriter(buffer)
        let pair = EndpointPair(source, destination)
        switch pair.family {
        case .ipv4: writer.addStart(command: 1, family: 0x11)
        case .ipv6: writer.addStart(command: 1, family: 0x21)
        case nil: writer.addStart(command: 1, family: 0x00)
        }
        writer.addNumbers(pair)
        if let authority = tlvs.authority { writer.add(TLVType.authority, authority) }
        if let alpn = tlvs.alpn { writer.add(TLVType.alpn, alpn) }
        if let uniqueID = tlvs.uniqueID { writer.add(TLVType.uniqueID, uniqueID) }
        if tlvs.addsChecksum {
            writer.add(TLVType.checksum)
            writer.addNumber(UInt16(4))
            writer.addNumber(UInt32(0))
        }
        writer.setLength()
        if tlvs.addsChecksum { writer.setChecksum() }
        return writer.written
    }

    /// Who connects for itself, as health checks do.
    package static func writeV2Local(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var writer = ProxyHeaderWriter(buffer)
        writer.addStart(command: 0, family: 0x00)
        return writer.written
    }

    private var written: Int { fits ? length : 0 }

    // MARK: - Version 1

    private mutating func add(_ word: StaticString) {
        add(UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }

    private mutating func addText(_ address: SocketAddress) {
        // INET6_ADDRSTRLEN, inet_ntop(3).
        var text = InlineArray<46, UInt8>(repeating: 0)
        withUnsafeMutableBytes(of: &text) { text in
            let count = address.withBytes { clinux_address_to_text($0.baseAddress, text.baseAddress, text.count) }
            add(UnsafeRawBufferPointer(rebasing: text[..<min(max(Int(count), 0), text.count)]))
        }
    }

    private mutating func addDecimal(_ number: UInt16) {
        var divisor: UInt16 = 1
        while divisor <= number / 10 { divisor *= 10 }
        while divisor > 0 {
            add(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / divisor % 10))
            divisor /= 10
        }
    }

    // MARK: - Version 2

    private mutating func addStart(command: UInt8, family: UInt8) {
        for index in 0..<ProxyHeader.signature.count { add(ProxyHeader.signature[index]) }
        add(0x20 | command)
        add(family)
        addNumber(UInt16(0))
    }

    /// Addresses and ports lie in a sockaddr in the order in which they are sent (ip(7), ipv6(7)).
    private mutating func addNumbers(_ pair: EndpointPair) {
        guard let family = pair.family else { return }
        let host = family == .ipv4 ? 4..<8 : 8..<24
        pair.source.withBytes { add(UnsafeRawBufferPointer(rebasing: $0[host])) }
        pair.destination.withBytes { add(UnsafeRawBufferPointer(rebasing: $0[host])) }
        addNumber(pair.source.port)
        addNumber(pair.destination.port)
    }

    private mutating func add(_ type: UInt8, _ value: UnsafeRawBufferPointer) {
        guard let count = UInt16(exactly: value.count) else {
            fits = false
            return
        }
        add(type)
        addNumber(count)
        add(value)
    }

    /// Of what follows the fixed part.
    private mutating func setLength() {
        guard fits, let count = UInt16(exactly: length - ProxyHeader.fixedLength) else {
            fits = false
            return
        }
        buffer.storeBytes(of: count.bigEndian, toByteOffset: 14, as: UInt16.self)
    }

    /// The checksum is the last field.
    private func setChecksum() {
        guard fits else { return }
        let header = UnsafeRawBufferPointer(rebasing: buffer[..<length])
        let checksum = ProxyHeader.checksum(header, at: length - 4)
        buffer.storeBytes(of: checksum.bigEndian, toByteOffset: length - 4, as: UInt32.self)
    }

    // MARK: - Bytes

    private mutating func add(_ byte: UInt8) { addNumber(byte) }

    private mutating func addNumber<N: FixedWidthInteger & BitwiseCopyable>(_ number: N) {
        withUnsafeBytes(of: number.bigEndian) { add($0) }
    }

    private mutating func add(_ bytes: UnsafeRawBufferPointer) {
        guard fits, bytes.count <= buffer.count - length else {
            fits = false
            return
        }
        UnsafeMutableRawBufferPointer(rebasing: buffer[length...]).copyMemory(from: bytes)
        length += bytes.count
    }
}

/// Two ends as a header can name them.
struct EndpointPair: BitwiseCopyable {
    enum Family: BitwiseCopyable { case ipv4, ipv6 }

    let source: SocketAddress
    let destination: SocketAddress
    /// Nil for a mixed pair, and where an end is no network address.
    let family: Family?

    init(_ source: SocketAddress, _ destination: SocketAddress) {
        if let from = source.asIPv4, let to = destination.asIPv4 {
            (self.source, self.destination, family) = (from, to, .ipv4)
        } else {
            (self.source, self.destination) = (source, destination)
            family = source.isIPv6 && destination.isIPv6 ? .ipv6 : nil
        }
    }
}

extension SocketAddress {
    /// An IPv4 address, or one that is mapped into IPv6 (RFC 4291, 2.5.5.2), as IPv4; nil for any other.
    fileprivate var asIPv4: SocketAddress? {
        guard let number = AddressBlock.number(of: self), number >> 32 == 0xFFFF else { return nil }
        return SocketAddress(ipv4: UInt32(truncatingIfNeeded: number), port: port)
    }
}
