import Testing

@testable import ControlSocket

@Suite("Segments of a path")
struct PercentEscapeTests {
    @Test(
        "what is escaped comes back as it was",
        arguments: ["web", "unix:/run/a b.sock", "ümläut%", "[::1]:80", "#2", ""])
    func bothWays(text: String) {
        let escaped = PercentEscape.escaped(text)
        #expect(
            escaped.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "#") })
        #expect(PercentEscape.plain(escaped[...]) == text)
    }

    @Test("what is escaped wrongly, or is no UTF-8, is nothing", arguments: ["%", "%4", "%zz", "a%f", "%ff", "%c3"])
    func wrong(text: String) { #expect(PercentEscape.plain(text[...]) == nil) }
}
