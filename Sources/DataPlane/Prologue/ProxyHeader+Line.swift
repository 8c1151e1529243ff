import LinuxCalls

extension ProxyHeader {
    /// Version 1, for people to read: `PROXY TCP4 192.0.2.1 192.0.2.2 4711 443` and CRLF.
    static func line(_ bytes: UnsafeRawBufferPointer) throws(LookStop) -> ProxyHeader {
        var scanner = LineScanner(bytes: bytes)
        try scanner.expect("PROXY ", or: .noProxyHeader)
        guard try scanner.next() == UInt8(ascii: "T") else {
            scanner.place -= 1
            return try unknownLine(&scanner)
        }
        try scanner.expect("CP", or: .proxyLine)
        let family = try scanner.next()
        let source: SocketAddress
        let destination: SocketAddress
        switch family {
        case UInt8(ascii: "4"):
            try scanner.expect(" ", or: .proxyLine)
            let (from, to) = (try scanner.ipv4(), try scanner.ipv4())
            let ports = try portsAndEnd(&scanner)
            source = SocketAddress(ipv4: from, port: ports.from)
            destination = SocketAddress(ipv4: to, port: ports.to)
        case UInt8(ascii: "6"):
            try scanner.expect(" ", or: .proxyLine)
            let (from, to) = (try scanner.ipv6(), try scanner.ipv6())
            let ports = try portsAndEnd(&scanner)
            source = SocketAddress(ipv6: from, port: ports.from)
            destination = SocketAddress(ipv6: to, port: ports.to)
        default: throw .refused(.proxyLine)
        }
        return ProxyHeader(
            version: 1, isLocal: false, length: scanner.place, source: source, destination: destination)
    }

    private static func portsAndEnd(_ scanner: inout LineScanner) throws(LookStop) -> (from: UInt16, to: UInt16) {
        let from = try scanner.port(before: UInt8(ascii: " "))
        let to = try scanner.port(before: 0x0D)
        guard try scanner.next() == 0x0A else { throw .refused(.proxyLine) }
        return (from, to)
    }

    /// All to CRLF is ignored, but a lone CR or LF is not tolerated there either.
    private static func unknownLine(_ scanner: inout LineScanner) throws(LookStop) -> ProxyHeader {
        try scanner.expect("UNKNOWN", or: .proxyLine)
        var byte = try scanner.next()
        guard byte == UInt8(ascii: " ") || byte == 0x0D else { throw .refused(.proxyLine) }
        while byte != 0x0D {
            guard byte != 0x0A else { throw .refused(.proxyLine) }
            byte = try scanner.next()
        }
        guard try scanner.next() == 0x0A else { throw .refused(.proxyLine) }
        return ProxyHeader(version: 1, isLocal: true, length: scanner.place, source: .unknown, destination: .unknown)
    }
}
