import Glibc

/// What one client has sent and nobody has answered yet: a buffer that lasts as long as the connection.
struct Requests: ~Copyable {
    /// Bytes of a request up to its empty line, at most.
    private static let headMax = 8192

    private let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: headMax)
    private var count = 0

    deinit { bytes.deallocate() }

    /// The target of the next request, "" for one that is not served; nil where the client has no other one. What comes behind it stays.
    mutating func next(from socket: Int32, _ loop: EventLoop) async -> String? {
        while true {
            if let length = headLength() {
                let target = target(ofHead: length)
                count -= length
                memmove(bytes, bytes + length, count)
                return target
            }
            guard count < Self.headMax else { return nil }
            // First, since hardly anybody asks for the next file before the last one has come.
            await loop.readable(socket)
            let received = recv(socket, bytes + count, Self.headMax - count, Int32(MSG_DONTWAIT))
            if received > 0 {
                count += received
            } else if received == 0 || (errno != EAGAIN && errno != EINTR) {
                return nil
            }
        }
    }

    private func headLength() -> Int? {
        var at = 3
        while at < count {
            switch bytes[at] {
            case UInt8(ascii: "\n"):
                if bytes[at - 1] == UInt8(ascii: "\r") && bytes[at - 2] == UInt8(ascii: "\n")
                    && bytes[at - 3] == UInt8(ascii: "\r")
                {
                    return at + 1
                }
                at += 2
            case UInt8(ascii: "\r"): at += 1
            // Not among the last four, whatever comes.
            default: at += 4
            }
        }
        return nil
    }

    /// Empty where this is no GET of HTTP/1.1, or one with a body, which would be taken for the next request.
    private func target(ofHead length: Int) -> String {
        let head = UnsafeBufferPointer(start: bytes, count: length)
        // Nothing is behind the last one but its line feed.
        guard let end = head.firstIndex(of: UInt8(ascii: "\r")), head[end + 1] == UInt8(ascii: "\n") else { return "" }
        let line = head[..<end]
        guard line.starts(with: "GET ".utf8), let space = line[4...].firstIndex(of: UInt8(ascii: " ")),
            line[space...].elementsEqual(" HTTP/1.1".utf8), !tellsOfBody(head[end...])
        else { return "" }
        return String(decoding: line[4..<space], as: UTF8.self)
    }

    private func tellsOfBody(_ fields: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        var at = fields.startIndex
        while at < fields.endIndex {
            // The first character of a line is enough for nearly all of them.
            if fields[at] == UInt8(ascii: "\n"), at + 1 < fields.endIndex, "cCtT".utf8.contains(fields[at + 1]) {
                let name = String(decoding: fields[(at + 1)...].prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
                    .lowercased()
                if name == "content-length" || name == "transfer-encoding" { return true }
            }
            at += 1
        }
        return false
    }
}
