import Testing

@testable import DataPlane

@Suite("A ClientHello")
struct ClientHelloTests {
    private static let named = HelloBuilder.name("shop.example.com")

    @Test("tells name and protocols, in whatever order, among extensions that nobody knows")
    func found() {
        let protocols = HelloBuilder.protocols("h2", "http/1.1")
        let grease = [UInt16(0x0A0A), 0x7A7A, 0xFAFA].map { HelloBuilder.extensionOf($0, [0]) }
        #expect(Told.hello(HelloBuilder.stream(Self.named)) == "shop.example.com -")
        #expect(Told.hello(HelloBuilder.stream(protocols)) == "- [\"h2\", \"http/1.1\"]")
        let all = "shop.example.com [\"h2\", \"http/1.1\"]"
        #expect(Told.hello(HelloBuilder.stream(grease[0], protocols, grease[1], Self.named, grease[2])) == all)
        #expect(Told.hello(HelloBuilder.stream(Self.named, protocols) + [20, 3, 3, 0, 1, 1]) == all)
        #expect(Told.hello(HelloBuilder.stream()) == "- -")
        #expect(Told.hello(HelloBuilder(extensions: nil).stream) == "- -")
        // A message that something follows within its record.
        let message = HelloBuilder(extensions: [Self.named]).message
        #expect(Told.hello(HelloBuilder.records(message + [1, 2, 3], 16_384)) == "shop.example.com -")
    }

    @Test("keeps case and trailing dot of its name as they came")
    func spelling() {
        #expect(Told.hello(HelloBuilder.stream(HelloBuilder.name("WWW.Example.COM."))) == "WWW.Example.COM. -")
    }

    @Test("has no name where that is empty, has a NUL or more than 255 bytes")
    func badNames() {
        for name in [[], [0x61, 0, 0x62], [0], Array(repeating: 0x61, count: 256)] as [[UInt8]] {
            let told = Told.hello(HelloBuilder.stream(HelloBuilder.name(name), HelloBuilder.protocols("h2")))
            #expect(told == "- [\"h2\"]", "\(name)")
        }
        let longest = String(repeating: "a", count: 255)
        #expect(Told.hello(HelloBuilder.stream(HelloBuilder.name(longest))) == "\(longest) -")
    }

    @Test("is refused where an extension is there twice")
    func twice() {
        let encrypted = HelloBuilder.extensionOf(0xFE0D, [0])
        for one in [Self.named, HelloBuilder.protocols("h2"), encrypted] {
            #expect(
                Told.hello(HelloBuilder.stream(one, HelloBuilder.extensionOf(43, [2, 3, 4]), one)) == "helloRepetition")
        }
        #expect(Told.hello(HelloBuilder.stream(Self.named, HelloBuilder.name("other.example"))) == "helloRepetition")
    }

    @Test("that is encrypted is known by its outer form")
    func encrypted() {
        let outer = HelloBuilder.extensionOf(
            0xFE0D, [UInt8](hex: "00 00010001 8A 0000 0010") + Array(repeating: 7, count: 16))
        let inner = HelloBuilder.extensionOf(0xFE0D, [1])
        #expect(Told.hello(HelloBuilder.stream(Self.named, outer)) == "shop.example.com - ECH")
        #expect(Told.hello(HelloBuilder.stream(inner, Self.named)) == "shop.example.com -")
        #expect(
            Told.hello(HelloBuilder.stream(HelloBuilder.extensionOf(0xFE0D, []), Self.named)) == "shop.example.com -")
    }

    @Test("is refused where a length inside lies, or a value cannot be")
    func malformed() {
        let streams: [(String, [UInt8])] = [
            ("session of 33", HelloBuilder(session: Array(repeating: 0, count: 33)).stream),
            ("no ciphers", HelloBuilder(ciphers: []).stream), ("half a cipher", HelloBuilder(ciphers: [0x13]).stream),
            ("odd ciphers", HelloBuilder(ciphers: [0x13, 1, 0x13]).stream),
            ("no compression", HelloBuilder(compressions: []).stream),
            ("one byte behind", HelloBuilder(extensions: nil, tail: [0]).stream),
            ("bytes behind the extensions", HelloBuilder(extensions: [Self.named], tail: [0]).stream),
            ("extensions too short", HelloBuilder(extensions: nil, tail: [0, 9, 0, 0, 0]).stream),
            ("half an extension", HelloBuilder(extensions: [[0]]).stream),
            ("extension without length", HelloBuilder(extensions: [[0, 99]]).stream),
            ("extension too long", HelloBuilder(extensions: [[0, 99, 0, 2, 0]]).stream),
            ("empty SNI", HelloBuilder.stream(HelloBuilder.extensionOf(0, []))),
            ("empty list of names", HelloBuilder.stream(HelloBuilder.extensionOf(0, [0, 0]))),
            ("another type of name", HelloBuilder.stream(HelloBuilder.name([0x61], type: 1))),
            ("name longer than its list", HelloBuilder.stream(HelloBuilder.extensionOf(0, [0, 4, 0, 0, 2, 0x61]))),
            ("list longer than SNI", HelloBuilder.stream(HelloBuilder.extensionOf(0, [0, 5, 0, 0, 1, 0x61]))),
            ("bytes behind the list", HelloBuilder.stream(HelloBuilder.extensionOf(0, [0, 4, 0, 0, 1, 0x61, 0]))),
            ("two names", HelloBuilder.stream(HelloBuilder.extensionOf(0, [0, 8, 0, 0, 1, 0x61, 0, 0, 1, 0x62]))),
            ("empty ALPN", HelloBuilder.stream(HelloBuilder.extensionOf(16, []))),
            ("empty list of protocols", HelloBuilder.stream(HelloBuilder.extensionOf(16, [0, 0]))),
            ("empty protocol", HelloBuilder.stream(HelloBuilder.extensionOf(16, [0, 4, 2, 0x68, 0x32, 0]))),
            ("protocol too long", HelloBuilder.stream(HelloBuilder.extensionOf(16, [0, 3, 3, 0x68, 0x32]))),
            ("bytes behind the protocols", HelloBuilder.stream(HelloBuilder.extensionOf(16, [0, 2, 1, 0x61, 0]))),
            ("list longer than ALPN", HelloBuilder.stream(HelloBuilder.extensionOf(16, [0, 3, 1, 0x61]))),
            ("only a header", HelloBuilder.records([1, 0, 0, 0], 4)),
            ("only a version", HelloBuilder.records([1, 0, 0, 2, 3, 3], 6)),
        ]
        for (what, stream) in streams { #expect(Told.hello(stream) == "helloForm", "\(what)") }
    }

    @Test("is refused at the first byte that no hello has")
    func noHello() {
        let streams: [(String, String, String)] = [
            ("", "47", "noTLS"), ("", "80", "noTLS"), ("", "17", "noTLS"), ("", "15", "noTLS"), ("", "0D", "noTLS"),
            ("16", "02", "noTLS"), ("16", "FE", "noTLS"), ("16", "00", "noTLS"),
            ("16 03 01 00", "00", "tlsRecordLength"), ("16 03 01 40", "01", "tlsRecordLength"),
            ("16 03 01 FF", "FF", "tlsRecordLength"), ("16 03 01 0040", "02", "noClientHello"),
            ("16 03 01 0040", "00", "noClientHello"), ("16 03 01 0040 01", "01", "helloLength"),
            ("16 03 01 0040 01 00", "40", "helloLength"), ("16 03 01 0040 01 00 3F", "FD", "helloLength"),
            ("16 03 01 0001 01", "17", "noTLS"), ("16 03 01 0001 01 16", "04", "noTLS"),
            ("16 03 01 0001 01 16 03 03 00", "00", "tlsRecordLength"),
        ]
        for (good, wrong, fault) in streams {
            let (good, wrong) = ([UInt8](hex: good), [UInt8](hex: wrong))
            #expect(Told.hello(good).hasPrefix("needs"), "\(good)")
            #expect(Told.hello(good + wrong) == fault, "\(good + wrong)")
            #expect(Told.hello(good + wrong + Array(repeating: 0, count: 20_000)) == fault, "\(good + wrong)")
        }
        // SSLv2, and a PROXY header.
        #expect(Told.hello([UInt8](hex: "80 2E 01 0002 0015 0000 0010")) == "noTLS")
        #expect(Told.hello(Binary.header()) == "noTLS")
    }

    @Test("may be cut into records at any byte", arguments: [1, 2, 3, 4, 5, 7, 64, 100])
    func records(size: Int) {
        let message = HelloBuilder(extensions: [Self.named, HelloBuilder.protocols("h2")]).message
        let stream = HelloBuilder.records(message, size)
        #expect((stream.count - message.count) / 5 == (message.count + size - 1) / size)
        Told.expectSameAtEachCut(stream, "\(size)") { Told.hello($0) }
        #expect(Told.hello(stream) == "shop.example.com [\"h2\"]")
        for first in 1..<message.count {
            #expect(Told.hello(HelloBuilder.records(message, first, 16_384)) == "shop.example.com [\"h2\"]")
        }
    }

    @Test("has 16384 bytes at most, and not so many records that it gets too long")
    func longest() {
        func message(_ length: Int) -> [UInt8] {
            let base = HelloBuilder(extensions: [Self.named, HelloBuilder.extensionOf(21, [])]).message.count
            let padding = HelloBuilder.extensionOf(21, Array(repeating: 0, count: length - base))
            return HelloBuilder(extensions: [padding, Self.named]).message
        }
        let longest = message(16_384)
        #expect(longest.count == 16_384)
        #expect(Told.hello(HelloBuilder.records(longest, 16_384)) == "shop.example.com -")
        #expect(Told.hello(HelloBuilder.records(longest, 10_000)) == "shop.example.com -")
        #expect(Told.hello(HelloBuilder.records(message(16_385), 10_000)) == "helloLength")
        // A hundred headers fit, 101 do not; what is needed is never more than is looked at.
        let hundred = HelloBuilder.records(longest, 164)
        #expect(hundred.count == ClientHello.lengthMax)
        #expect(Told.hello(hundred) == "shop.example.com -")
        #expect(Told.hello(Array(hundred.dropLast())) == "needs \(ClientHello.lengthMax)")
        let tooMany = HelloBuilder.records(longest, 163)
        #expect(Told.hello(tooMany) == "helloLength")
        #expect(Told.hello(Array(tooMany.prefix(ClientHello.lengthMax))) == "helloLength")
        // As soon as it is clear that one more header would be one too many: in the hundredth.
        #expect(Told.hello(Array(tooMany.prefix(99 * 168 + 5))) == "helloLength")
        #expect(Told.hello(Array(tooMany.prefix(99 * 168 + 4))) == "needs \(99 * 168 + 5)")
        #expect(Told.hello(HelloBuilder.records(longest, 1)) == "helloLength")
        #expect(Told.hello(HelloBuilder.records(longest, 16_383)) == "shop.example.com -")
    }

    @Test("is refused where it does not fit into the scratch")
    func room() {
        let message = HelloBuilder(extensions: [Self.named]).message
        let stream = HelloBuilder.records(message, 50)
        #expect(Told.hello(stream, room: message.count) == "shop.example.com -")
        #expect(Told.hello(stream, room: message.count - 1) == "helloLength")
        #expect(Told.hello(stream, room: 0) == "helloLength")
    }

    @Test(
        "of real programs tells the name they were given",
        arguments: [
            ("openssl-tls13", "shop.example.com [\"h2\", \"http/1.1\"]"),
            ("openssl-tls13-only", "only13.example.com -"),
            ("openssl-tls12", "old.example.com [\"postgresql\"]"), ("openssl-no-name", "- [\"http/1.1\"]"),
            ("openssl-upper-dot", "WWW.Example.COM. -"), ("curl", "curl.example.com [\"h2\", \"http/1.1\"]"),
            ("python", "python.example.com -"), ("go", "go.example.com [\"grpc-exp\", \"h2\"]"),
            ("mlkem-ech-grease", "outer.example.net [\"h2\", \"http/1.1\"] ECH"),
            ("mlkem-two-records", "outer.example.net [\"h2\", \"http/1.1\"] ECH"), ("one-byte-records", "a.b [\"h2\"]"),
            ("openssl-long-name", longName + " -"), ("openssl-small-fragments", "cut.example.com \(manyProtocols)"),
        ])
    func captured(name: String, told: String) throws {
        #expect(Told.hello(try Seeds.read("client-hello", name)) == told)
    }

    private static let longName =
        (Array(repeating: String(repeating: "a", count: 63), count: 3) + [String(repeating: "b", count: 61)])
        .joined(separator: ".")
    private static let manyProtocols = (0..<30).map { index in
        "proto-0\(index < 10 ? "0" : "")\(index)-" + String(repeating: "x", count: 40)
    }.description
}
