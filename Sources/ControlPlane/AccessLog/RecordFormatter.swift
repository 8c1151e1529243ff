import CLinux
import DataPlane
import LinuxCalls

/// Records as lines of the access log. Names are escaped once, when they are given; a record of a TCP client takes no allocation.
struct RecordFormatter {
    private let format: AccessLogFormat
    private var listeners: [[UInt8]] = []
    private var upstreams: [[UInt8]] = []
    private let engine: [UInt8]
    private let relay: [UInt8]
    private var day = DayText()

    /// - Parameters:
    ///   - listeners: by their numbers.
    ///   - upstreams: by their numbers.
    init(_ format: AccessLogFormat, listeners: [String], upstreams: [String], engine: String, relay: String) {
        self.format = format
        self.engine = Self.escaped(engine, format)
        self.relay = Self.escaped(relay, format)
        rename(listeners: listeners, upstreams: upstreams)
    }

    mutating func rename(listeners: [String], upstreams: [String]) {
        self.listeners = listeners.map { Self.escaped($0, format) }
        self.upstreams = upstreams.map { Self.escaped($0, format) }
    }

    mutating func append(_ record: borrowing ConnectionRecord, to line: inout LineBuffer) {
        switch format {
        case .json: appendJSON(record, to: &line)
        case .text: appendText(record, to: &line)
        }
        line.append(byte: LineBuffer.newline)
    }

    /// How many records were lost since the last such line.
    mutating func append(dropped count: UInt64, at time: Timestamp, to line: inout LineBuffer) {
        switch format {
        case .json:
            line.append("{\"time\":\"")
            day.append(time.milliseconds, to: &line)
            line.append("\",\"dropped\":")
            line.append(count)
            line.append("}\n")
        case .text:
            day.append(time.milliseconds, to: &line)
            line.append(" dropped=")
            line.append(count)
            line.append("\n")
        }
    }

    // MARK: The two formats

    private mutating func appendJSON(_ record: borrowing ConnectionRecord, to line: inout LineBuffer) {
        line.append("{\"time\":\"")
        day.append(record.acceptedAtWallMillis, to: &line)
        line.append("\",\"id\":\"")
        appendID(record, to: &line)
        line.append("\",\"listener\":")
        appendName(listeners, record.listener, to: &line)
        line.append(",\"client\":")
        appendClient(record.client, to: &line)
        line.append(",\"proxy\":")
        if record.proxy.isNone { line.append("null") } else { appendClient(record.proxy.address, to: &line) }
        line.append(",\"upstream\":")
        if record.attempts > 0 { appendName(upstreams, record.upstream, to: &line) } else { line.append("null") }
        line.append(",\"attempts\":")
        line.append(UInt64(record.attempts))
        line.append(",\"bytes_up\":")
        line.append(record.bytesUp)
        line.append(",\"bytes_down\":")
        line.append(record.bytesDown)
        line.append(",\"connect_ms\":")
        appendMillis(record.connectMillis, "null", to: &line)
        line.append(",\"first_byte_ms\":")
        appendMillis(record.firstByteMillis, "null", to: &line)
        line.append(",\"total_ms\":")
        appendMillis(record.totalMillis, "null", to: &line)
        line.append(",\"engine\":")
        line.append(engine)
        line.append(",\"relay\":")
        line.append(relay)
        line.append(",\"relay_up\":")
        appendMark(record.relayUp, to: &line)
        line.append(",\"relay_down\":")
        appendMark(record.relayDown, to: &line)
        line.append(",\"ended_by\":\"")
        line.append(record.ender.word)
        line.append("\",\"end\":\"")
        line.append(record.end.word)
        line.append("\"}")
    }

    private mutating func appendText(_ record: borrowing ConnectionRecord, to line: inout LineBuffer) {
        day.append(record.acceptedAtWallMillis, to: &line)
        line.append(" id=")
        appendID(record, to: &line)
        line.append(" listener=")
        appendName(listeners, record.listener, to: &line)
        line.append(" client=")
        appendClient(record.client, to: &line)
        line.append(" proxy=")
        if record.proxy.isNone { line.append("-") } else { appendClient(record.proxy.address, to: &line) }
        line.append(" upstream=")
        if record.attempts > 0 { appendName(upstreams, record.upstream, to: &line) } else { line.append("-") }
        line.append(" attempts=")
        line.append(UInt64(record.attempts))
        line.append(" bytes_up=")
        line.append(record.bytesUp)
        line.append(" bytes_down=")
        line.append(record.bytesDown)
        line.append(" connect_ms=")
        appendMillis(record.connectMillis, "-", to: &line)
        line.append(" first_byte_ms=")
        appendMillis(record.firstByteMillis, "-", to: &line)
        line.append(" total_ms=")
        appendMillis(record.totalMillis, "-", to: &line)
        line.append(" engine=")
        line.append(engine)
        line.append(" relay=")
        line.append(relay)
        line.append(" relay_up=")
        appendMark(record.relayUp, to: &line)
        line.append(" relay_down=")
        appendMark(record.relayDown, to: &line)
        line.append(" ended_by=")
        line.append(record.ender.word)
        line.append(" end=")
        line.append(record.end.word)
    }

    // MARK: Values

    private func appendID(_ record: borrowing ConnectionRecord, to line: inout LineBuffer) {
        line.append(UInt64(record.worker))
        line.append("-")
        line.append(record.serial)
    }

    private func appendName(_ names: [[UInt8]], _ index: UInt16, to line: inout LineBuffer) {
        if Int(index) < names.count { line.append(names[Int(index)]) } else { line.append(unknown) }
    }

    private func appendMillis(_ millis: Int64, _ none: StaticString, to line: inout LineBuffer) {
        if millis >= 0 { line.append(UInt64(millis)) } else { line.append(none) }
    }

    private func appendMark(_ mark: RelayMark?, to line: inout LineBuffer) {
        let isJSON = format == .json
        guard let mark else { return line.append(isJSON ? "null" : "-") }
        if isJSON { line.append("\"") }
        line.append(mark.mode.word)
        line.append(":")
        line.append(mark.reason.word)
        if isJSON { line.append("\"") }
    }

    private func appendClient(_ client: SocketAddress, to line: inout LineBuffer) {
        guard client.isTCP else {
            if client.isUnknown { line.append(unknown) } else { line.append(Self.escaped("\(client)", format)) }
            return
        }
        let isJSON = format == .json
        if isJSON { line.append("\"") }
        if client.isIPv6 { line.append("[") }
        // INET6_ADDRSTRLEN is 46.
        line.append(upTo: 64) { text in client.withBytes { clinux_address_to_text($0.baseAddress, text, 64) } }
        line.append(client.isIPv6 ? "]:" : ":")
        line.append(UInt64(client.port))
        if isJSON { line.append("\"") }
    }

    private var unknown: StaticString { format == .json ? "\"unknown\"" : "unknown" }

    /// Three of these at most are in a line, so it stays shorter than the longest one: a UNIX path has at most 107 bytes,
    /// and each becomes six at most.
    private static func escaped(_ text: String, _ format: AccessLogFormat) -> [UInt8] {
        switch format {
        case .json: Array(Escape.json(text).utf8)
        case .text: Array(Escape.value(text).utf8)
        }
    }
}
