@testable import ControlPlane

/// Writes an answer of a name server, as RFC 1035 has it.
struct MessageBytes {
    var question = "shop.example"
    var flags: UInt16 = 0x8180
    var answers: [[UInt8]] = []
    var additional: [[UInt8]] = []

    var bytes: [UInt8] {
        var bytes: [UInt8] = [0x12, 0x34] + Self.number(flags) + [0, 1] + Self.number(answers.count)
        bytes += [0, 0] + Self.number(additional.count) + Self.name(question) + [0, 1, 0, 1]
        return bytes + answers.joined() + additional.joined()
    }

    var message: DNSMessage? { DNSMessage(bytes) }

    static func number(_ number: some BinaryInteger) -> [UInt8] {
        [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
    }

    static func name(_ text: String) -> [UInt8] {
        text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    static func record(_ owner: [UInt8], _ type: Int, ttl: UInt32 = 60, kind: Int = 1, _ content: [UInt8]) -> [UInt8] {
        owner + number(type) + number(kind) + number(ttl >> 16) + number(ttl & 0xFFFF) + number(content.count) + content
    }

    static func a(_ owner: String, _ last: UInt8, ttl: UInt32 = 60) -> [UInt8] {
        record(name(owner), 1, ttl: ttl, [10, 0, 0, last])
    }

    static func aaaa(_ owner: String, _ last: UInt8, ttl: UInt32 = 60) -> [UInt8] {
        record(name(owner), 28, ttl: ttl, [0x20, 1, 0xD, 0xB8] + Array(repeating: 0, count: 11) + [last])
    }

    static func alias(_ owner: String, _ target: String, ttl: UInt32 = 60) -> [UInt8] {
        record(name(owner), 5, ttl: ttl, name(target))
    }

    static func srv(
        _ owner: String, _ target: String, port: Int = 80, weight: Int = 1, priority: Int = 1, ttl: UInt32 = 60
    ) -> [UInt8] {
        record(name(owner), 33, ttl: ttl, number(priority) + number(weight) + number(port) + name(target))
    }
}

extension HostAddress {
    static func ten(_ last: UInt32) -> Self { .ipv4(10 << 24 | last) }
    static func documentation(_ last: UInt128) -> Self { .ipv6(0x2001_0DB8 << 96 | last) }
}
