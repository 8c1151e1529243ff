import DataPlane
import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("Lines of the access log")
struct RecordFormatterTests {
    private func record() throws -> ConnectionRecord {
        var record = ConnectionRecord()
        record.serial = 1234
        record.worker = 7
        record.upstream = 1
        record.attempts = 2
        record.ender = .upstream
        record.end = .reset
        record.acceptedAtWallMillis = 1_767_225_600_042
        record.connectMillis = 3
        record.firstByteMillis = 15
        record.totalMillis = 60_000
        record.bytesUp = 512
        record.bytesDown = .max
        record.relayUp = RelayMark(.copy, .new)
        record.client = try #require(SocketAddress(numeric: "192.0.2.9", port: 54321))
        return record
    }

    private func line(_ format: AccessLogFormat, _ record: ConnectionRecord, listener: String = "[::]:443") -> String {
        var formatter = RecordFormatter(
            format, listeners: [listener], upstreams: ["10.0.0.1:80", "10.0.0.2:80"], engine: "uring", relay: "splice")
        var lines = LineBuffer()
        formatter.append(record, to: &lines)
        return String(decoding: lines.bytes, as: UTF8.self)
    }

    @Test("as JSON have all keys in their order")
    func json() throws {
        let expected =
            #"{"time":"2026-01-01T00:00:00.042Z","id":"7-1234","listener":"[::]:443","client":"192.0.2.9:54321","proxy":null,"#
            + #""upstream":"10.0.0.2:80","attempts":2,"bytes_up":512,"bytes_down":18446744073709551615,"#
            + #""connect_ms":3,"first_byte_ms":15,"total_ms":60000,"engine":"uring","relay":"splice","#
            + #""relay_up":"copy:new","relay_down":null,"#
            + #""ended_by":"upstream","end":"reset"}"# + "\n"
        #expect(line(.json, try record()) == expected)
    }

    @Test("as text have the same values")
    func text() throws {
        #expect(
            line(.text, try record())
                == "2026-01-01T00:00:00.042Z id=7-1234 listener=[::]:443 client=192.0.2.9:54321 proxy=- upstream=10.0.0.2:80 "
                + "attempts=2 bytes_up=512 bytes_down=18446744073709551615 connect_ms=3 first_byte_ms=15 "
                + "total_ms=60000 engine=uring relay=splice relay_up=copy:new relay_down=- ended_by=upstream end=reset\n"
        )
    }

    @Test("have null, or a hyphen, where something never came to be")
    func none() throws {
        var record = try record()
        record.attempts = 0
        record.connectMillis = -1
        record.firstByteMillis = -1
        record.client = .unknown
        let json = line(.json, record)
        #expect(json.contains(#""client":"unknown","proxy":null,"upstream":null,"attempts":0"#))
        #expect(json.contains(#""connect_ms":null,"first_byte_ms":null,"total_ms":60000"#))
        #expect(line(.text, record).contains("client=unknown proxy=- upstream=- attempts=0"))
    }

    @Test("show clients as flags would spell them")
    func clients() throws {
        var record = try record()
        record.client = try #require(SocketAddress(numeric: "2001:db8::1", port: 9))
        #expect(line(.json, record).contains(#""client":"[2001:db8::1]:9""#))
        record.proxy = PackedAddress(try #require(SocketAddress(numeric: "2001:db8::1", port: 65_535)))
        #expect(line(.json, record).contains(#","proxy":"[2001:db8::1]:65535","#))
        record.proxy = PackedAddress(try #require(SocketAddress(numeric: "192.0.2.255", port: 1)))
        #expect(line(.text, record).contains(" proxy=192.0.2.255:1 "))
        record.client = try #require(SocketAddress(unixPath: "/tmp/a\"b\n"))
        #expect(line(.json, record).contains(#""client":"unix:/tmp/a\"b\n""#))
        #expect(line(.text, record).contains(#"client="unix:/tmp/a\"b\n""#))
    }

    @Test(
        "stay lines, and shorter than a pipe takes whole, whatever the names are made of",
        arguments: ["\u{0}", "\n", "\"", "\\", "\u{1B}", "\u{7F}", "\u{85}", "\u{2028}", "\u{202E}", "é", "🙂"])
    func names(piece: String) throws {
        let name = "unix:" + String(repeating: piece, count: 107 / piece.utf8.count)
        var record = try record()
        record.client = SocketAddress(unixPath: String(name.dropFirst(5))) ?? .unknown
        for format in [AccessLogFormat.json, .text] {
            var formatter = RecordFormatter(
                format, listeners: [name], upstreams: [name, name], engine: "uring", relay: "splice")
            var lines = LineBuffer()
            formatter.append(record, to: &lines)
            let (lineCount, byteCount) = (lines.lineCount, lines.count)
            #expect(lineCount == 1 && byteCount < LineBuffer.lineBytesMax)
            let text = String(decoding: lines.bytes, as: UTF8.self).dropLast()
            #expect(!text.unicodeScalars.contains { $0.properties.generalCategory == .control })
        }
    }

    @Test("tell how many records were dropped")
    func dropped() {
        for (format, expected) in [
            (AccessLogFormat.json, "{\"time\":\"2026-01-01T00:00:00.000Z\",\"dropped\":17}\n"),
            (.text, "2026-01-01T00:00:00.000Z dropped=17\n"),
        ] {
            var formatter = RecordFormatter(format, listeners: [], upstreams: [], engine: "epoll", relay: "splice")
            var lines = LineBuffer()
            formatter.append(dropped: 17, at: Timestamp(milliseconds: 1_767_225_600_000), to: &lines)
            #expect(String(decoding: lines.bytes, as: UTF8.self) == expected)
        }
    }

    @Test(
        "have the time that the ordinary log would show",
        arguments: [0, 1, 999, 86_399_999, 86_400_000, 1_709_210_096_789, 951_868_799_999, 4_107_542_400_000] as [Int64]
    )
    func times(milliseconds: Int64) {
        var day = DayText()
        var lines = LineBuffer()
        for moment in [milliseconds, milliseconds + 86_400_000, milliseconds] {
            day.append(moment, to: &lines)
            #expect(String(decoding: lines.bytes, as: UTF8.self) == Timestamp(milliseconds: moment).description)
            lines.remove(lines.count)
        }
    }

    @Test(
        "have numbers as Swift would write them",
        arguments: [0, 7, 9, 10, 99, 100, 12345, 1 << 40, 10_000_000_000_000_000_000, .max] as [UInt64])
    func numbers(number: UInt64) {
        var lines = LineBuffer()
        lines.append(number)
        #expect(String(decoding: lines.bytes, as: UTF8.self) == "\(number)")
    }

    @Test("are made fast enough for any rate of connections")
    func speed() throws {
        let record = try record()
        var formatter = RecordFormatter(
            .json, listeners: ["0.0.0.0:443"], upstreams: ["10.0.0.1:80", "10.0.0.2:80"], engine: "uring",
            relay: "splice")
        var lines = LineBuffer()
        let began = Clock.nowNanoseconds()
        for index in 0..<100_000 {
            var one = copy record
            one.acceptedAtWallMillis += Int64(index) * 997
            formatter.append(one, to: &lines)
            if !lines.hasRoom { lines.remove(lines.count) }
        }
        let each = (Clock.nowNanoseconds() - began) / 100_000
        print("a record takes \(each) ns")
        // Without optimisation and on a busy machine; 3,300 ns are asked of a release build.
        #expect(each < 200_000)
    }
}
