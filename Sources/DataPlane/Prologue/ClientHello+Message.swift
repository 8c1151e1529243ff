extension ClientHello {
    private static let serverNameMax = 255

    /// Reads a whole message. Its lengths, and the extensions that are looked for, are held to what OpenSSL holds them
    /// to; the others, GREASE among them (RFC 8701), are skipped.
    init(message: UnsafeRawBufferPointer) throws(LookStop) {
        var hello = ByteCursor(message, TLSRecords.messageHeaderLength..<message.count)
        // Version and random.
        guard hello.block(2 + 32) != nil,
            let session = hello.block(lengthBytes: 1), session.count <= 32,
            let ciphers = hello.block(lengthBytes: 2), ciphers.count >= 2, ciphers.count % 2 == 0,
            let compressions = hello.block(lengthBytes: 1), compressions.count >= 1
        else { throw .refused(.helloForm) }
        // Before TLS 1.3 there may be no extensions.
        guard !hello.isAtEnd else { return }
        guard var extensions = hello.block(lengthBytes: 2), hello.isAtEnd else { throw .refused(.helloForm) }

        var seen = Seen()
        while !extensions.isAtEnd {
            guard let type = extensions.number(bytes: 2), let value = extensions.block(lengthBytes: 2) else {
                throw .refused(.helloForm)
            }
            switch type {
            case 0:
                guard seen.first(.serverName) else { throw .refused(.helloRepetition) }
                name = try Self.serverName(value, message)
            case 16:
                guard seen.first(.protocols) else { throw .refused(.helloRepetition) }
                protocolList = try Self.protocols(value)
            case 0xFE0D:
                guard seen.first(.encryptedHello) else { throw .refused(.helloRepetition) }
                // 0 is an outer hello; 1 is an inner one, whose name is the true one.
                var value = value
                hasEncryptedHello = value.byte() == 0
            default: break
            }
        }
    }

    private struct Seen: OptionSet {
        let rawValue: UInt8
        static let serverName = Seen(rawValue: 1)
        static let protocols = Seen(rawValue: 2)
        static let encryptedHello = Seen(rawValue: 4)

        mutating func first(_ one: Seen) -> Bool { insert(one).inserted }
    }

    /// A list of exactly one host name: other types of names were never defined, and could not be skipped (RFC 6066 3).
    private static func serverName(
        _ value: ByteCursor, _ message: UnsafeRawBufferPointer
    ) throws(LookStop) -> Part {
        var value = value
        guard var list = value.block(lengthBytes: 2), value.isAtEnd,
            list.byte() == 0, let name = list.block(lengthBytes: 2), list.isAtEnd
        else { throw .refused(.helloForm) }
        guard (1...serverNameMax).contains(name.count), !message[name.range].contains(0) else { return Part() }
        return Part(start: name.place, count: name.count)
    }

    /// One name or more, none of them empty (RFC 7301 3.1).
    private static func protocols(_ value: ByteCursor) throws(LookStop) -> Part {
        var value = value
        guard let list = value.block(lengthBytes: 2), value.isAtEnd, !list.isAtEnd else { throw .refused(.helloForm) }
        var names = list
        while !names.isAtEnd {
            guard let name = names.block(lengthBytes: 1), !name.isAtEnd else { throw .refused(.helloForm) }
        }
        return Part(start: list.place, count: list.count)
    }
}
