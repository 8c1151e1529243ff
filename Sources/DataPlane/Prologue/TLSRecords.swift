/// The records in which a handshake begins (RFC 8446 5.1).
enum TLSRecords {
    /// Type, version, length.
    static let headerLength = 5
    static let payloadMax = 16_384
    /// Type and length of a handshake message (RFC 8446 4).
    static let messageHeaderLength = 4

    private static let handshake: UInt8 = 22
    private static let clientHello: UInt8 = 1

    /// Puts the first handshake message together, which must be a ClientHello, and gives its length in bytes, header
    /// included. A message may be cut into records of any size but 0. Nothing is copied before all of it is there.
    static func gather(
        _ bytes: UnsafeRawBufferPointer, into scratch: UnsafeMutableRawBufferPointer
    ) throws(LookStop) -> Int {
        let message = try wholeMessage(bytes, scratch.count)
        var (record, copied) = (0, 0)
        while copied < message {
            let payload = record + headerLength
            let length = payloadLength(bytes, record)
            let part = min(length, message - copied)
            UnsafeMutableRawBufferPointer(rebasing: scratch[copied...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[payload..<payload + part]))
            copied += part
            record = payload + length
        }
        return message
    }

    /// Length of the message, all of whose records have been looked at and found whole.
    private static func wholeMessage(_ bytes: UnsafeRawBufferPointer, _ room: Int) throws(LookStop) -> Int {
        var header = MessageHeader()
        /// Bytes of the message in the records before.
        var gathered = 0
        var record = 0
        while true {
            try checkHeader(bytes, record)
            let payload = record + headerLength
            let length = payloadLength(bytes, record)
            // The message's own header may itself be cut.
            var place = 0
            while place < length, !header.isWhole {
                guard payload + place < bytes.count else { throw .incomplete(needed: payload + place + 1) }
                try header.add(bytes[payload + place])
                place += 1
            }
            let rest = header.messageLength - gathered
            let endsHere = header.isWhole && rest <= length
            let end = payload + rest + (endsHere ? 0 : headerLength)
            guard header.messageLength <= room, end <= ClientHello.lengthMax else { throw .refused(.helloLength) }
            if endsHere {
                guard end <= bytes.count else { throw .incomplete(needed: end) }
                return header.messageLength
            }
            gathered += length
            record = payload + length
        }
    }

    /// Each byte as soon as it is there. Any version of SSL 3 and TLS will do: RFC 8446 wants it to be ignored.
    private static func checkHeader(_ bytes: UnsafeRawBufferPointer, _ record: Int) throws(LookStop) {
        guard record < bytes.count else { throw .incomplete(needed: record + 1) }
        guard bytes[record] == handshake else { throw .refused(.noTLS) }
        guard record + 1 < bytes.count else { throw .incomplete(needed: record + 2) }
        guard bytes[record + 1] == 3 else { throw .refused(.noTLS) }
        guard record + headerLength <= bytes.count else { throw .incomplete(needed: record + headerLength) }
        guard (1...payloadMax).contains(payloadLength(bytes, record)) else { throw .refused(.tlsRecordLength) }
    }

    private static func payloadLength(_ bytes: UnsafeRawBufferPointer, _ record: Int) -> Int {
        Int(bytes[record + 3]) << 8 | Int(bytes[record + 4])
    }

    private struct MessageHeader: BitwiseCopyable {
        private var count = 0
        /// With the header itself.
        private(set) var messageLength = TLSRecords.messageHeaderLength

        var isWhole: Bool { count == TLSRecords.messageHeaderLength }

        mutating func add(_ byte: UInt8) throws(LookStop) {
            if count == 0 {
                guard byte == TLSRecords.clientHello else { throw .refused(.noClientHello) }
            } else {
                messageLength += Int(byte) << (8 * (3 - count))
                guard messageLength <= ClientHello.messageMax else { throw .refused(.helloLength) }
            }
            count += 1
        }
    }
}
