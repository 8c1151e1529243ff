import Testing

@testable import ControlPlane

@Suite("The text of a configuration file")
struct ConfigurationTextTests {
    @Test(
        "what is no YAML is told in one line with its place",
        arguments: [
            ("a: [1, 2", "f:2:1: is no YAML, "),
            ("a: 'x", "f:2:1: is no YAML, "),
            ("a: b: c", "f:1:5: is no YAML, mapping values are not allowed in this context"),
            ("a:\n\t- b", "f:2:1: is no YAML, found character that cannot start any token"),
            ("- a\nb: c", "f:2:1: is no YAML, did not find expected '-' indicator"),
            ("%YAML 9.9\n---\na: 1", "f:1:1: is no YAML, "),
            ("a: \"\\ud800\"", "f:1:"),
        ])
    func syntax(text: String, beginning: String) {
        let found = problems(text + "\n")
        #expect(found.count == 1 && found[0].hasPrefix(beginning), "\(found)")
        #expect(found[0].hasSuffix("; look at the indentation, quotes and brackets before it"), "\(found)")
    }

    @Test(
        "what YAML allows and a configuration does not need is refused with its place",
        arguments: [
            (
                "a: [[::]:443]",
                "f:1:6: is no YAML, did not find expected node content; look at the brackets, and put an IPv6 address in quotes"
            ),
            ("workers: 1\n---\nworkers: 2", "f:2:1: has a second document; write everything into one"),
            ("a: *b", "f:1:4: has an alias (*); write the value out, or put the text in quotes"),
            ("a: &b c", "f:1:4: has an anchor (&); write the value out at each place, or \"\\x26\" for the character"),
            (
                "# x\n- &b c",
                "f:2:3: has an anchor (&); write the value out at each place, or \"\\x26\" for the character"
            ),
            (
                "a: [x,&b c]",
                "f:1:7: has an anchor (&); write the value out at each place, or \"\\x26\" for the character"
            ),
            (
                "a: \"\n# b\", &c d",
                "f:2:7: has an anchor (&); write the value out at each place, or \"\\x26\" for the character"
            ),
            (
                "? a\n: b",
                "f:1:1: has a key behind a question mark; leave the mark out, or write \"\\x3F\" for the character"
            ),
            (
                "a: {?b: c}",
                "f:1:5: has a key behind a question mark; leave the mark out, or write \"\\x3F\" for the character"
            ),
            ("", "f:1:1: is empty; see longsplice config --example"),
            ("# only a comment", "f:1:1: is empty; see longsplice config --example"),
            ("---", "f:1:1: is empty; see longsplice config --example"),
        ])
    func refused(text: String, expected: String) {
        #expect(problems(text).first == expected)
    }

    @Test("a list or a word is no configuration")
    func otherRoots() {
        #expect(problems("- a").first?.hasPrefix("f:1:1: is a list; write a mapping with workers, engine, ") == true)
        #expect(problems("hello").first?.hasPrefix("f:1:1: is a single value; write a mapping with ") == true)
    }

    @Test("an alias bomb is refused before anything is repeated")
    func aliasBomb() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...30 {
            let parts = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(parts)]\n"
        }
        #expect(problems(text + "? *a30\n: 1").first?.hasPrefix("f:1:5: has an anchor (&)") == true)
    }

    @Test("an ampersand within a word is none")
    func ampersands() throws {
        let text = "access_log: { to: \"/a&b/c & d/\\x26e\" }\n# R&D, and &more; don't ask why &that, ?\n\(places)"
        #expect(try readFile(text).configuration.accessLog == .file("/a&b/c & d/&e"))
    }

    @Test("bytes that are no text are told with their place")
    func bytes() {
        #expect(
            problems(bytes: Array("workers: 1\nengine: ".utf8) + [0xFF])
                == ["f:2:9: is not UTF-8; save the file as UTF-8"])
        #expect(
            problems(bytes: Array("é: ".utf8) + [0xC3, 0x28]) == ["f:1:4: is not UTF-8; save the file as UTF-8"])
        #expect(problems("a: 1\r\nb: \u{0}") == ["f:2:4: holds the character U+0000; remove it"])
        #expect(problems("a: \u{1B}[2J") == ["f:1:4: holds the character U+001B; remove it"])
        #expect(problems("a: \u{FEFF}") == ["f:1:4: holds the character U+FEFF; remove it"])
        let utf16 = "workers: 1".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        #expect(problems(bytes: [0xFF, 0xFE] + utf16) == ["f:1:1: is not UTF-8; save the file as UTF-8"])
    }

    @Test("size and depth are bounded")
    func bounds() {
        let long = [UInt8](repeating: UInt8(ascii: "#"), count: 1 << 20)
        #expect(problems(bytes: long).first == "f:1:1: is empty; see longsplice config --example")
        #expect(problems(bytes: long + [10]) == ["f:1:1: has more than 1MiB; write a shorter file"])
        let deep = { (count: Int) in String(repeating: "[", count: count) + String(repeating: "]", count: count) }
        #expect(
            problems("engine: \(deep(40))\n\(places)") == [
                "f:1:9: engine: is a list; write one of auto, uring, epoll",
                "f:1:40: is nested deeper than 32 levels; see longsplice config --example",
            ])
        #expect(problems("engine: \(deep(900))\n\(places)").last?.hasPrefix("f:1:40: is nested deeper") == true)
        #expect(problems("engine: \(deep(100_000))\n").first?.contains(" is nested much too deeply; ") == true)
        let block = String(repeating: "- ", count: 100_000)
        #expect(problems("\(block)x").first?.contains(" is nested much too deeply; ") == true)
    }
}

@Suite("Variables in a configuration file")
struct SubstitutionTests {
    @Test("a variable, a default, and a dollar stand for their texts")
    func values() throws {
        let text = """
            workers: ${COUNT}
            engine: "${NONE:-epoll}"
            relay: ${EMPTY:-copy}
            spin_micros: ${COUNT:-9}0
            access_log: { to: "/$$${_X1}/${NONE:-a:-b$}" }
            \(places)
            """
        let file = try readFile(text, ["COUNT": "3", "EMPTY": "", "_X1": "${COUNT}"]).configuration
        #expect(file.workers == 3 && file.engine == .epoll && file.relay == .copy && file.spinMicros == 30)
        #expect(file.accessLog == .file("/$${COUNT}/a:-b$"), "what a variable holds is not looked at again")
    }

    @Test(
        "what is none is refused with its place",
        arguments: [
            ("${NONE}", "names the variable NONE, which is not set; set it, or write ${NONE:-default}"),
            ("$NONE", "has a $ that names no variable; write ${NAME}, or $$ for a dollar"),
            ("a$", "has a $ that names no variable; write ${NAME}, or $$ for a dollar"),
            ("${NONE", "has a $ that names no variable; write ${NAME}, or $$ for a dollar"),
            ("${}", "has a $ that names no variable; write ${NAME} or ${NAME:-default}"),
            ("${1A}", "has a $ that names no variable; write ${NAME} or ${NAME:-default}"),
            ("${A-b}", "has a $ that names no variable; write ${NAME} or ${NAME:-default}"),
            ("${Ä}", "has a $ that names no variable; write ${NAME} or ${NAME:-default}"),
        ])
    func refused(value: String, expected: String) {
        #expect(problems("workers: \(value)\n\(places)") == ["f:1:10: workers \(value): \(expected)"])
    }

    @Test("a variable's text is judged like any other, and cannot add keys")
    func injection() {
        #expect(
            problems("engine: ${E}\n\(places)", ["E": "auto\nworkers: 3"])
                == [#"f:1:9: engine auto\nworkers: 3: is none that exists; write one of auto, uring, epoll"#])
        #expect(
            problems("workers: ${E}\n\(places)", ["E": ""])
                == ["f:1:10: workers : is not a whole number; write a whole number from 1 to 256"])
    }
}
