import Testing

@testable import DataPlane

@Suite("A table of names")
struct NameTableTests {
    private static func route(_ table: NameTable, _ name: String) -> Int? {
        Array(name.utf8).withUnsafeBytes { table.route(for: $0) }
    }

    private static let table = NameTable([
        (["shop.example.com", "*.shop.example.com"], 0), (["*.example.com"], 1), (["a.b.shop.example.com"], 2),
        (["Example.NET.", "shop.example.com"], 3), (["*.com"], 4), (["localhost"], 5),
        (["*.example.com", "*.b.Org."], 6),
    ])

    @Test(
        "finds the exact name, then the longest wildcard, then nothing",
        arguments: [
            ("shop.example.com", 0), ("x.shop.example.com", 0), ("x.y.z.shop.example.com", 0),
            ("a.b.shop.example.com", 2), ("b.shop.example.com", 0), ("x.a.b.shop.example.com", 0),
            ("www.example.com", 1), ("a.www.example.com", 1), ("example.com", 4), ("xexample.com", 4), ("com", nil),
            ("example.net", 3), ("www.example.net", nil), ("localhost", 5), ("x.localhost", nil), ("b.org", nil),
            ("a.b.org", 6), ("", nil), (".", nil), (".com", nil), ("..com", 4), ("shop.example.com..", nil),
            ("*.example.com", 1), ("x.com\u{0}", nil), ("\u{e9}.com", 4),
        ] as [(String, Int?)])
    func routes(name: String, route: Int?) {
        #expect(Self.route(Self.table, name) == route)
        #expect(Self.route(Self.table, name.uppercased()) == route)
        if !name.isEmpty, !name.hasSuffix(".") { #expect(Self.route(Self.table, name + ".") == route) }
    }

    @Test("takes no other byte for a letter of the other case")
    func otherBytes() {
        let table = NameTable([(["a-_1.example"], 0)])
        #expect(Self.route(table, "A-_1.EXAMPLE") == 0)
        for name in ["a\u{D}_1.example", "a-\u{7F}1.example", "a-_1\u{E}example", "a-_\u{11}.example", "!-_1.example"] {
            #expect(Self.route(table, name) == nil, "\(name)")
        }
    }

    @Test("finds nothing for a name over 253 bytes, or in an empty table")
    func extremes() {
        let long = String(repeating: "a.", count: 125) + "com"
        #expect(long.utf8.count == 253)
        #expect(Self.route(Self.table, long) == 4)
        #expect(Self.route(Self.table, long + ".") == 4)
        #expect(Self.route(Self.table, "a" + long) == nil)
        #expect(Self.route(NameTable([]), "example.com") == nil)
        #expect(NameTable([([], 3)]).route(for: UnsafeRawBufferPointer(start: nil, count: 0)) == nil)
    }

    @Test("answers as a search through all patterns does", arguments: [1, 2, 3] as [UInt64])
    func random(seed: UInt64) {
        var random = SeededRandom(state: seed)
        func name() -> String {
            (0...random.below(4)).map { _ in ["a", "b", "com", "x1"][random.below(4)] }.joined(separator: ".")
        }
        let patterns = (0..<60).map { _ in random.draws(500) ? "*." + name() : name() }
        let table = NameTable(patterns.enumerated().map { ([$1], $0) })
        for _ in 0..<2_000 {
            let name = name()
            let wildcards = patterns.filter { $0.hasPrefix("*.") && name.hasSuffix($0.dropFirst()) }
            let widest = wildcards.max { $0.count < $1.count }.flatMap { patterns.firstIndex(of: $0) }
            #expect(Self.route(table, name) == patterns.firstIndex(of: name) ?? widest, "\(name)")
        }
    }

    @Test(
        "is made of patterns that are host names, some of them behind an asterisk",
        arguments: [
            ("a", nil), ("*.a", nil), ("A-b_c.0.example.", nil), ("xn--bcher-kva.example", nil),
            ("*.example.com.", nil),
            ("", .empty), ("*.", .empty), ("*", .wildcardAlone), (".", .emptyLabel), ("a..b", .emptyLabel),
            (".a", .emptyLabel), ("a..", .emptyLabel), ("*..a", .emptyLabel), ("a.*.b", .wildcardPlace),
            ("*a.b", .wildcardPlace), ("*.*.a", .wildcardPlace), ("a.*", .wildcardPlace), ("**.a", .wildcardPlace),
            ("b\u{fc}cher.example", .notASCII), ("a b", .otherByte), ("a:443", .otherByte), ("a/", .otherByte),
            ("a\u{0}", .otherByte), (String(repeating: "a", count: 63), nil),
            (String(repeating: "a", count: 64), .labelTooLong), (String(repeating: "a.", count: 126) + "a", nil),
            (String(repeating: "a.", count: 126) + "aa", .tooLong),
        ] as [(String, NamePattern.Problem?)])
    func patterns(pattern: String, problem: NamePattern.Problem?) {
        #expect(NamePattern.problem(in: pattern) == problem)
    }

    @Test("tells a reason and a cure for each pattern that is none")
    func words() {
        for problem in NamePattern.Problem.allCases {
            #expect(!problem.reason.description.isEmpty && !problem.cure.description.isEmpty)
        }
    }
}

@Suite("A table of protocols")
struct ProtocolTableTests {
    private static func route(_ table: ProtocolTable, _ list: [UInt8]) -> Int? {
        list.withUnsafeBytes { table.route(for: $0) }
    }

    private static func list(_ names: String...) -> [UInt8] { names.flatMap { Array($0.utf8).behindLength(1) } }

    private static let table = ProtocolTable([(["h2", "grpc-exp"], 7), (["http/1.1"], 3), (["h2", "postgresql"], 1)])

    @Test("finds the first route that any of a client's protocols has")
    func routes() {
        #expect(Self.route(Self.table, Self.list("h2")) == 7)
        #expect(Self.route(Self.table, Self.list("http/1.1", "h2")) == 7)
        #expect(Self.route(Self.table, Self.list("x", "http/1.1")) == 3)
        #expect(Self.route(Self.table, Self.list("postgresql", "http/1.1")) == 3)
        #expect(Self.route(Self.table, Self.list("postgresql")) == 1)
        #expect(Self.route(Self.table, Self.list("x", "h3", "H2", "h2 ", "h")) == nil)
        #expect(Self.route(ProtocolTable([]), Self.list("h2")) == nil)
    }

    @Test("survives any list")
    func anyList() {
        #expect(Self.route(Self.table, []) == nil)
        #expect(Self.route(Self.table, [2]) == nil)
        #expect(Self.route(Self.table, [255, 0x68, 0x32]) == nil)
        #expect(Self.route(Self.table, [0, 0, 2, 0x68, 0x32, 9]) == 7)
    }

    @Test("goes through a list of names to the first length that lies")
    func names() {
        func names(_ list: [UInt8]) -> [String] {
            list.withUnsafeBytes { ProtocolNames($0).map { String(decoding: $0, as: UTF8.self) } }
        }
        #expect(names(Self.list("h2", "http/1.1")) == ["h2", "http/1.1"])
        #expect(names(Self.list("h2") + [3, 1, 1]) == ["h2"])
        #expect(names([]) == [])
    }
}
