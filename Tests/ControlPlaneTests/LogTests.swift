import Logging
import Synchronization
import Testing

@testable import ControlPlane

@Suite("The log")
struct LogTests {
    private let newYear = Timestamp(milliseconds: 1_767_225_600_000)

    @Test(
        "moments are written in UTC",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
            (1_709_210_096_789, "2024-02-29T12:34:56.789Z"), (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
        ] as [(Int64, String)])
    func timestamps(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).description == text)
    }

    @Test("a text line has a time, a level, a message and values in order")
    func textLine() {
        let line = LogLine.text(.text, at: newYear, .warning, "it happened", ["b": "2", "a": "one two", "c": ""])
        #expect(line == #"2026-01-01T00:00:00.000Z WARNING it happened a="one two" b=2 c="""#)
    }

    @Test("a JSON line is one object")
    func jsonLine() {
        let line = LogLine.text(.json, at: newYear, .info, #"say "hi""#, ["path": #"a\b"#])
        #expect(
            line
                == #"{"time":"2026-01-01T00:00:00.000Z","level":"info","message":"say \"hi\"","path":"a\\b"}"#)
    }

    @Test(
        "no stranger's character breaks a line",
        arguments: ["\n", "\r", "\u{0}", "\u{1B}[2J", "\u{7F}", "\u{85}", "\u{9B}", "\u{2028}", "\u{202E}", "\u{2066}"])
    func escaping(text: String) {
        for format in LogFormat.allCases {
            let line = LogLine.text(format, at: newYear, .info, "x\(text)y", ["k\(text)": "v\(text)", "k": text])
            #expect(!line.unicodeScalars.contains { text.unicodeScalars.first == $0 })
        }
    }

    @Test(
        "values with quotes, spaces or equals signs are quoted",
        arguments: [
            (#"""#, #""\"""#), ("a b", #""a b""#), ("a=b", #""a=b""#), (#"\"#, #""\\""#), ("plain:1", "plain:1"),
        ])
    func quoting(value: String, shown: String) {
        #expect(Escape.value(value) == shown)
    }

    @Test("ordinary letters of any script stay")
    func letters() {
        #expect(Escape.controls(in: "zażółć 日本 🙂") == "zażółć 日本 🙂")
        #expect(Escape.json("zażółć 🙂") == "\"zażółć 🙂\"")
    }

    @Test("the handler writes what is at its level or above, with the logger's own values")
    func handler() {
        let lines = Lines()
        let handler = LineLogHandler(.text, level: .info) { lines.append($0) }
        var logger = Logger(label: "test") { _ in handler }
        logger[metadataKey: "worker"] = "3"
        logger.debug("not this")
        logger.info("this", metadata: ["size": "\(1 << 20)"])
        #expect(lines.all.count == 1)
        #expect(lines.all.first?.hasSuffix("Z INFO this size=1048576 worker=3") == true)
    }
}

/// Lines collected from a log.
final class Lines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }
    func append(_ line: String) { lines.withLock { $0.append(line) } }
    func contain(_ text: String) -> Bool { all.contains { $0.contains(text) } }

    var logger: Logger {
        let handler = LineLogHandler(.text, level: .trace) { self.append($0) }
        return Logger(label: "test") { _ in handler }
    }
}
