import Testing

@testable import ControlPlane

@Suite("Messages of name servers")
struct DNSMessageTests {
    @Test("tell addresses, aliases and services with their times")
    func records() throws {
        var bytes = MessageBytes()
        bytes.answers = [
            MessageBytes.alias("SHOP.example", "Web.Example", ttl: 70_000), MessageBytes.a("web.example", 1),
            MessageBytes.aaaa("web.example", 2),
            MessageBytes.srv("_x._tcp.a", "t.example", port: 8443, weight: 7, priority: 3),
            MessageBytes.record(MessageBytes.name("x"), 16, [1, 2, 3]),
            MessageBytes.record(MessageBytes.name("x"), 1, kind: 3, [1, 2, 3]),
        ]
        bytes.additional = [MessageBytes.a("t.example", 9, ttl: 0x8000_0001)]
        let message = try #require(bytes.message)
        #expect(message.question == "shop.example")
        #expect(message.answers.map(\.owner) == ["shop.example", "web.example", "web.example", "_x._tcp.a", "x", "x"])
        #expect(message.answers.map(\.secondsToLive) == [70_000, 60, 60, 60, 60, 60])
        let service = DNSMessage.Service(priority: 3, weight: 7, port: 8443, target: "t.example")
        #expect(
            message.answers.map(\.content) == [
                .alias("web.example"), .host(.ten(1)), .host(.documentation(2)), .service(service), .other, .other,
            ])
        #expect(
            message.additional == [DNSMessage.Record(owner: "t.example", secondsToLive: 0, content: .host(.ten(9)))])
    }

    @Test("name what stands before once more by a pointer to it")
    func pointers() throws {
        var bytes = MessageBytes()
        // The question's name begins at 12, its "example" at 17; the answer's content, at 42, refers to both.
        bytes.answers = [
            MessageBytes.record([0xC0, 12], 5, [3, 0x77, 0x57, 0x77, 0xC0, 17]),
            MessageBytes.record([0xC0, 42], 1, [10, 0, 0, 1]),
        ]
        let message = try #require(bytes.message)
        #expect(message.answers.map(\.owner) == ["shop.example", "www.example"])
        #expect(message.answer(Self.isHost).contents == [.host(.ten(1))])
    }

    @Test("with pointers that go ahead, or round, or out are malformed", arguments: [30, 31, 32, 0x3FFF])
    func loops(_ target: Int) {
        var bytes = MessageBytes()
        #expect(bytes.bytes.count == 30)
        bytes.answers = [MessageBytes.record([0xC0 | UInt8(target >> 8), UInt8(target & 0xFF)], 1, [10, 0, 0, 1])]
        #expect(bytes.message == nil)
    }

    @Test(
        "with contents that are too short or too long are malformed",
        arguments: [
            (1, [10, 0, 0]), (1, [10, 0, 0, 1, 0]), (28, [UInt8](repeating: 0, count: 15)), (5, []),
            (5, [1, 0x61, 0, 0]),
            (5, [0x40, 0x61, 0]), (5, [0x80, 0x61, 0]), (33, [0, 1, 0, 1, 0, 80]), (33, [0, 1, 0, 1, 0, 80, 0, 0]),
        ] as [(Int, [UInt8])])
    func contents(_ type: Int, _ content: [UInt8]) {
        var bytes = MessageBytes()
        bytes.answers = [MessageBytes.record([0xC0, 12], type, content)]
        #expect(bytes.message == nil)
    }

    @Test("that are questions, or cut, or have no one question are no answers")
    func kinds() {
        var bytes = MessageBytes()
        #expect(bytes.message != nil)
        for flags: UInt16 in [0x0180, 0x8380] {
            bytes.flags = flags
            #expect(bytes.message == nil)
        }
        bytes.flags = 0x8180
        for count: UInt8 in [0, 2] {
            var two = bytes.bytes
            two[5] = count
            #expect(DNSMessage(two) == nil)
        }
        bytes.question = "a b"
        #expect(bytes.message == nil)
    }

    @Test("may have names that are nobody's, and one of 254 bytes is none")
    func names() throws {
        var bytes = MessageBytes()
        bytes.answers = [
            MessageBytes.alias("shop.example", "a b"),
            MessageBytes.record([3, 0x61, 0x2E, 0x62, 0], 1, [10, 0, 0, 1]),
            MessageBytes.alias("x", ""),
        ]
        let message = try #require(bytes.message)
        #expect(message.answers[0].content == .alias(nil))
        #expect(message.answers[1].owner == nil)
        #expect(message.answers[2].content == .alias(""))
        let label = String(repeating: "a", count: 63)
        bytes.answers = [MessageBytes.alias("x", "\(label).\(label).\(label).\(label.dropLast(2))")]
        #expect(bytes.message != nil)
        bytes.answers = [MessageBytes.alias("x", "\(label).\(label).\(label).\(label)")]
        #expect(bytes.message == nil)
    }

    private static let isHost: @Sendable (DNSMessage.Content) -> Bool = { if case .host = $0 { true } else { false } }

    @Test("answer at the end of their aliases, for as long as the shortest of them")
    func aliases() throws {
        var bytes = MessageBytes()
        bytes.answers = [
            MessageBytes.a("b.example", 1, ttl: 50), MessageBytes.alias("a.example", "b.example", ttl: 20),
            MessageBytes.alias("shop.example", "a.example", ttl: 30), MessageBytes.a("b.example", 2, ttl: 40),
            MessageBytes.a("other.example", 3, ttl: 1),
        ]
        let answer = try #require(bytes.message).answer(Self.isHost)
        #expect(answer.contents == [.host(.ten(1)), .host(.ten(2))] && answer.secondsToLive == 20)
        bytes.answers = [
            MessageBytes.alias("shop.example", "a.example"), MessageBytes.alias("a.example", "shop.example"),
        ]
        #expect(try #require(bytes.message).answer(Self.isHost).contents.isEmpty)
    }

    @Test("that are damaged never trap")
    func damaged() throws {
        var bytes = MessageBytes()
        bytes.answers = [
            MessageBytes.alias("shop.example", "a.example"),
            MessageBytes.record([0xC0, 12], 33, [0, 1, 0, 1, 0, 80, 0xC0, 17]),
            MessageBytes.aaaa("a.example", 1),
        ]
        bytes.additional = [MessageBytes.a("a.example", 1)]
        let whole = bytes.bytes
        for count in whole.indices { #expect(DNSMessage(Array(whole[..<count])) == nil) }
        var random = SystemRandomNumberGenerator()
        var good = 0
        for _ in 0..<20_000 {
            var one = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                one[Int.random(in: one.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            guard let message = DNSMessage(one) else { continue }
            good += 1
            _ = message.answer { _ in true }
        }
        #expect(good > 0)
    }
}
