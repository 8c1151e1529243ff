import LinuxCalls
import Testing

@testable import DataPlane

@Suite("A PROXY line of version 1")
struct ProxyLineTests {
    @Test(
        "names both ends",
        arguments: [
            ("PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n", "192.0.2.1:4711 > 198.51.100.2:443, 44 bytes"),
            ("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", "0.0.0.0:0 > 255.255.255.255:65535, 44 bytes"),
            (
                "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
                "255.255.255.255:65535 > 255.255.255.255:65535, 56 bytes"
            ),
            ("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "[2001:db8::1]:1 > [::1]:2, 32 bytes"),
            ("PROXY TCP6 :: ::ffff:192.0.2.1 1 2\r\n", "[::]:1 > [::ffff:192.0.2.1]:2, 36 bytes"),
            (
                "PROXY TCP6 2001:DB8:0:0:0:0:0:A 1:2:3:4:5:6:7:8 1 2\r\n",
                "[2001:db8::a]:1 > [1:2:3:4:5:6:7:8]:2, 53 bytes"
            ),
        ])
    func good(line: String, told: String) { #expect(Told.proxy(line) == "v1 \(told)") }

    @Test("takes as a header only what ends in CRLF; payload may follow, even a second header")
    func payload() {
        let line = "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n"
        for payload in ["GET / HTTP/1.1\r\n\r\n", line, "\r\n", "\0", "\r\n\r\n\0\r\nQUIT\n"] {
            #expect(Told.proxy(line + payload) == Told.proxy(line), "\(payload)")
        }
    }

    @Test(
        "of an unknown client is skipped to its end",
        arguments: [
            ("PROXY UNKNOWN\r\n", 15), ("PROXY UNKNOWN \r\nx", 16), ("PROXY UNKNOWN TCP4 a b \0 c\r\n\r\n", 28),
            ("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", 59),
        ])
    func unknown(line: String, length: Int) { #expect(Told.proxy(line) == "v1 local, \(length) bytes") }

    @Test(
        "is refused at the first wrong byte",
        arguments: [
            // What stands before the bar is possible, the byte behind it is not.
            "|G", "|p", "P|r", "PROXY|\t", "PROXY | ", "PROXY |t", "PROXY T|c", "PROXY TCP|5", "PROXY TCP4|\t",
            "PROXY TCP4|\r\n", "PROXY TCP4 | ", "PROXY TCP4 |x", "PROXY TCP4 0|1", "PROXY TCP4 0|0", "PROXY TCP4 25|6",
            "PROXY TCP4 1.0|2", "PROXY TCP4 1.2.3| ", "PROXY TCP4 1.2.3.4|.",
            "PROXY TCP4 1.|.", "PROXY TCP4 1.2.3.| ", "PROXY TCP4 1.2.3.4 | ", "PROXY TCP4 1.2.3.4|\r",
            "PROXY TCP4 |:", "PROXY TCP4 1.2.3.4 5.6.7.8 | ", "PROXY TCP4 1.2.3.4 5.6.7.8 0|1",
            "PROXY TCP4 1.2.3.4 5.6.7.8 6553|6", "PROXY TCP4 1.2.3.4 5.6.7.8 |-", "PROXY TCP4 1.2.3.4 5.6.7.8 1|\r",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 2| ", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2|\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 |\r",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r|\r", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r|x",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 2|x", "PROXY TCP4 1.2.3.4 5.6.7.8|\n",
            "PROXY TCP6 |g", "PROXY TCP6 | ", "PROXY TCP6 :|1", "PROXY TCP6 ::|:", "PROXY TCP6 1::2:|:",
            "PROXY TCP6 0000|0", "PROXY TCP6 1| ", "PROXY TCP6 1:2:3:4:5:6:7| ", "PROXY TCP6 1:2:3:4:5:6:7:8|:",
            "PROXY TCP6 ::1:2:3:4:5:6:7|:", "PROXY TCP6 1:2:3:4:5:6:7:|.", "PROXY TCP6 1:| ", "PROXY TCP6 ::1:| ",
            "PROXY TCP6 1:2:3:4:5:6:7::|8", "PROXY TCP6 ::1|%", "PROXY TCP6 |[", "PROXY TCP6 1:2:3:4:5|.",
            "PROXY TCP6 ::1.2.3| ",
            "PROXY TCP6 1:2:3:4:5:6:7:1|.", "PROXY TCP6 1|.2.3.4 ", "PROXY TCP6 ::1:2:3:4:5:6:1|.",
            "PROXY UNKNOWN|X", "PROXY UNKNOWN|\n", "PROXY UNKNOWN x|\n", "PROXY UNKNOWN\r|x", "PROXY UNKNOWN\r|\r",
            "PROXY U|D", "PROXY UNKNOWN \r| ",
        ])
    func refused(line: String) throws {
        let parts = line.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
        let (good, wrong) = (Array(try #require(parts.first).utf8), Array(try #require(parts.last).utf8))
        #expect(Told.proxy(good) == "needs \(good.count + 1)")
        for bytes in [good + wrong[...0], good + wrong[...0] + Array(repeating: 0x20, count: 200)] {
            #expect(Told.proxy(bytes) == (good.count < 6 ? "noProxyHeader" : "proxyLine"))
        }
    }

    @Test("has 107 bytes at most")
    func longest() {
        func line(_ length: Int) -> String {
            "PROXY UNKNOWN " + String(repeating: "x", count: length - 16) + "\r\n"
        }
        #expect(Told.proxy(line(107)) == "v1 local, 107 bytes")
        #expect(Told.proxy(line(108)) == "proxyLineLength")
        #expect(Told.proxy(String(line(300).prefix(106))) == "needs 107")
        #expect(Told.proxy(String(line(300).prefix(107))) == "proxyLineLength")
        let long = String(repeating: "0000:", count: 6) + "255.255.255.255"
        #expect(Told.proxy("PROXY TCP6 \(long) \(long) 65535 65535\r\n") == "proxyLineLength")
    }

    /// Drawn from few characters, so that many are addresses, or nearly.
    @Test(
        "takes exactly the addresses that inet_pton takes", arguments: ["0127.", "01fF:", ":::1", "1:.2", "12:::::.."])
    func addresses(alphabet: String) throws {
        var random = SeededRandom(state: 4)
        let letters = Array(alphabet)
        var taken = 0
        for _ in 0..<6_000 {
            let text = String((0...random.below(22)).map { _ in letters[random.below(letters.count)] })
            let expected = SocketAddress(numeric: text, port: 7)
            for (family, other) in [("TCP4", "1.2.3.4"), ("TCP6", "::1")] {
                let isOfFamily = family == "TCP4" ? expected?.isIPv4 == true : expected?.isIPv6 == true
                let told = Told.proxy("PROXY \(family) \(text) \(other) 7 1\r\n")
                if isOfFamily, let expected {
                    #expect(told.hasPrefix("v1 \(expected) > "), "\(text)")
                    taken += 1
                } else {
                    #expect(told == "proxyLine", "\(text)")
                }
            }
        }
        #expect(taken > 3, "\(taken)")
    }
}
