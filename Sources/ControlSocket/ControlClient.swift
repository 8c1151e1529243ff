import CLinux
import Glibc
import LinuxCalls

/// One request after the other over a control socket, each on a connection of its own; blocks.
package struct ControlClient: Sendable {
    package struct Answer: Equatable, Sendable {
        package let status: Int
        package let body: [UInt8]

        /// What a refusal says; nil for anything else.
        package var error: String? { status == 200 ? nil : ControlJSON.value(ControlError.self, of: body)?.error }
    }

    package enum Trouble: Error, Equatable, Sendable {
        /// The path is longer than a UNIX address may be, or empty.
        case noAddress
        case failed(SystemError)
        /// Nothing came for so long.
        case silence(seconds: Int)
        /// What came is no HTTP/1.1, or was cut short.
        case noHTTP
    }

    package let path: String
    /// For each piece of an answer; longer than the server takes itself for one.
    package var patienceSeconds = 20

    /// As many bytes as the status of 65,535 servers may have, and some.
    private static let answerBytesMax = 256 << 20

    package init(path: String) { self.path = path }

    package func request(_ method: String, _ target: String, body: [UInt8] = []) throws(Trouble) -> Answer {
        guard let address = SocketAddress(unixText: path) else { throw .noAddress }
        let head = """
            \(method) \(target) HTTP/1.1\r
            Host: localhost\r
            Connection: close\r
            Content-Length: \(body.count)\r
            \r

            """
        let received: [UInt8]
        do throws(SystemError) {
            let connection = try connect(to: address)
            try send(Array(head.utf8) + body, to: connection.number)
            received = try receiveAll(from: connection.number)
        } catch {
            throw -error.code == Errno.again ? .silence(seconds: patienceSeconds) : .failed(error)
        }
        guard let answer = Self.answer(in: received) else { throw .noHTTP }
        return answer
    }

    private func connect(to address: SocketAddress) throws(SystemError) -> OwnedDescriptor {
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let connection = OwnedDescriptor(try checked(number < 0 ? -errno : number, "socket"))
        var patience = timeval(tv_sec: patienceSeconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            let size = socklen_t(MemoryLayout<timeval>.size)
            let result = setsockopt(connection.number, SOL_SOCKET, option, &patience, size)
            _ = try checked(result < 0 ? -errno : 0, "setsockopt")
        }
        _ = try checked(
            address.withBytes { clinux_connect(connection.number, $0.baseAddress, address.length) }, "connect")
        return connection
    }

    private func send(_ bytes: [UInt8], to socket: Int32) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent < 0 && errno == EINTR { continue }
            rest = rest.dropFirst(Int(try checked(sent < 0 ? -errno : Int32(clamping: sent), "send")))
        }
    }

    /// Up to the end of the stream.
    private func receiveAll(from socket: Int32) throws(SystemError) -> [UInt8] {
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while all.count < Self.answerBytesMax {
            let got = recv(socket, &piece, piece.count, 0)
            if got < 0 && errno == EINTR { continue }
            let count = Int(try checked(got < 0 ? -errno : Int32(clamping: got), "recv"))
            guard count > 0 else { break }
            all += piece[..<count]
        }
        return all
    }

    /// Nil for what is no whole answer: its length has to be told.
    static func answer(in bytes: [UInt8]) -> Answer? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        guard let line = lines.first, line.hasPrefix("HTTP/1."),
            let status = line.split(separator: " ").dropFirst().first,
            let number = Int(status)
        else { return nil }
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == "content-length" else {
                continue
            }
            guard let length = Int(line[line.index(after: colon)...].drop { $0 == " " }), length >= 0,
                length <= bytes.count - end.upperBound
            else { return nil }
            return Answer(status: number, body: Array(bytes[end.upperBound...].prefix(length)))
        }
        return nil
    }
}
