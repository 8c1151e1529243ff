@testable import DataPlane

/// A ClientHello, put together by the text of RFC 8446, 4.1.2.
struct HelloBuilder {
    var session = [UInt8](repeating: 0x5E, count: 32)
    var ciphers = [UInt8](hex: "1301 1302 C02F")
    var compressions: [UInt8] = [0]
    /// Nil for a hello that ends before them.
    var extensions: [[UInt8]]? = []
    /// What follows where the message should end.
    var tail: [UInt8] = []

    static func extensionOf(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
        [UInt8(type >> 8), UInt8(type & 255)] + value.behindLength(2)
    }

    static func name(_ name: [UInt8], type: UInt8 = 0) -> [UInt8] {
        extensionOf(0, ([type] + name.behindLength(2)).behindLength(2))
    }

    static func name(_ text: String) -> [UInt8] { name(Array(text.utf8)) }

    static func protocols(_ names: String...) -> [UInt8] {
        extensionOf(16, names.flatMap { Array($0.utf8).behindLength(1) }.behindLength(2))
    }

    /// With the header of the handshake message.
    var message: [UInt8] {
        var body: [UInt8] = [3, 3] + [UInt8](repeating: 0x4A, count: 32)
        body += session.behindLength(1) + ciphers.behindLength(2) + compressions.behindLength(1)
        if let extensions { body += extensions.flatMap { $0 }.behindLength(2) }
        return [1] + (body + tail).behindLength(3)
    }

    /// In records of so many bytes, the last of them for all the rest.
    static func records(_ message: [UInt8], _ sizes: Int...) -> [UInt8] {
        var (records, rest, index) = ([UInt8](), message[...], 0)
        while !rest.isEmpty {
            let part = rest.prefix(sizes[min(index, sizes.count - 1)])
            records += [22, 3, 1] + Array(part).behindLength(2)
            rest = rest.dropFirst(part.count)
            index += 1
        }
        return records
    }

    var stream: [UInt8] { Self.records(message, 16_384) }

    static func stream(_ extensions: [UInt8]...) -> [UInt8] { HelloBuilder(extensions: extensions).stream }
}
