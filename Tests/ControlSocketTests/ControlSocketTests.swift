import CLinux
import ControlMessages
import Glibc
import LinuxCalls
import Testing

@testable import ControlSocket

@Suite("The control socket and its client")
struct ControlSocketTests {
    private final class Socket {
        let path = "/tmp/longsplice-control-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let server: ControlSocketServer
        let host: ScriptedHost

        init(_ host: ScriptedHost = ScriptedHost(), _ change: (inout ControlLimits) -> Void = { _ in }) throws {
            let address = try #require(SocketAddress(unixPath: path))
            let listener = try ListeningSocket.open(address, sharing: false, backlog: 64, mode: 0o600)
            var limits = ControlLimits()
            change(&limits)
            self.host = host
            server = try ControlSocketServer(listeningOn: listener.release(), host: host, limits: limits)
        }

        deinit {
            server.stop()
            unlink(path)
        }

        var client: ControlClient { ControlClient(path: path) }

        /// What comes for bytes that are sent as they are, up to the end.
        func talk(_ text: String) throws -> String {
            let socket = try connect()
            let bytes = Array(text.utf8)
            _ = bytes.withUnsafeBytes { send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            return rest(of: socket.number)
        }

        func connect() throws -> OwnedDescriptor {
            let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            let owned = OwnedDescriptor(number)
            var patience = timeval(tv_sec: 20, tv_usec: 0)
            setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
            let address = try #require(SocketAddress(unixPath: path))
            let connected = address.withBytes { clinux_connect(number, $0.baseAddress, address.length) }
            try #require(connected == 0)
            return owned
        }

        func rest(of socket: Int32) -> String {
            var all: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 4_096)
            while true {
                let got = recv(socket, &piece, piece.count, 0)
                if got == 0 { break }
                if got < 0 {
                    if errno == EAGAIN { Issue.record("the server does not close") }
                    break
                }
                all += piece[..<got]
            }
            return String(decoding: all, as: UTF8.self)
        }
    }

    @Test("an order is answered, each on a connection of its own")
    func answers() throws {
        let socket = try Socket(ScriptedHost(.metrics("a 1\n"), .failure(ControlFailure(.conflict, "no; wait"))))
        #expect(try socket.client.request("GET", "/metrics").body == Array("a 1\n".utf8))
        let refused = try socket.client.request("POST", "/reload")
        #expect(refused.status == 409 && refused.error == "no; wait")
        let body = ControlJSON.bytes(ServerAction(.weight(2)))
        #expect(try socket.client.request("POST", "/pools/p/servers/s", body: body).status == 200)
        #expect(socket.host.orders == [.metrics, .reload, .server(.weight(2), server: "s", pool: "p")])
    }

    @Test("one connection can ask several things")
    func keepsAlive() throws {
        let socket = try Socket()
        let request = "GET /status HTTP/1.1\r\nHost: l\r\n\r\n"
        let last = "GET /pools HTTP/1.1\r\nHost: l\r\nConnection: close\r\n\r\n"
        let said = try socket.talk(request + request + last)
        #expect(said.components(of: "HTTP/1.1 200 OK") == 3 && socket.host.orders == [.status, .status, .pools])
    }

    @Test("a body that is too large is refused, however it is told", arguments: [true, false])
    func largeBodies(hasLength: Bool) throws {
        let socket = try Socket()
        let body = String(repeating: "x", count: 60_000)
        let said = try socket.talk(
            "POST /pools/p/servers/s HTTP/1.1\r\nHost: l\r\n"
                + (hasLength
                    ? "Content-Length: 9999999\r\n\r\n\(body)"
                    : "Transfer-Encoding: chunked\r\n\r\nEA60\r\n\(body)\r\n"))
        #expect(said.hasPrefix("HTTP/1.1 413 ") && said.contains("16384"), "\(said)")
        #expect(socket.host.orders.isEmpty)
    }

    @Test(
        "what is no request is refused and closed",
        arguments: [
            "hello\r\n\r\n", "GET /status HTTP/1.1\r\nX: \(String(repeating: "y", count: 20_000))\r\n\r\n",
            "GET /status HTTP/1.1\r\n\((0..<100).map { "X\($0): y\r\n" }.joined())\r\n",
            "POST /reload HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "\u{16}\u{3}\u{1}",
        ])
    func noRequests(text: String) throws {
        let socket = try Socket(ScriptedHost()) { $0.idleMillis = 500 }
        let said = try socket.talk(text)
        #expect(said.isEmpty || said.hasPrefix("HTTP/1.1 400 "), "\(said)")
        #expect(socket.host.orders.isEmpty)
    }

    @Test("a client that says nothing, and one that says a little now and then, are closed")
    func slowClients() throws {
        let silent = try Socket(ScriptedHost()) { $0.idleMillis = 200 }
        #expect(try silent.talk("GET /sta") == "")
        let slow = try Socket(ScriptedHost()) { $0.lifetimeMillis = 300 }
        let client = try slow.connect()
        var sent = 0
        // Long before the idle time is over there is another byte.
        while send(client.number, "G", 1, Int32(MSG_NOSIGNAL)) == 1 && sent < 400 {
            sent += 1
            usleep(50_000)
        }
        #expect(sent < 400, "it is still open")
    }

    @Test("more clients than there are places for wait, and are served in the end")
    func manyClients() throws {
        let socket = try Socket(ScriptedHost()) {
            $0.connections = 2
            $0.idleMillis = 300
        }
        var silent: [Int32] = []
        defer { for number in silent { close(number) } }
        for _ in 0..<20 { silent.append(try socket.connect().release()) }
        #expect(try socket.client.request("GET", "/status").status == 200)
    }

    @Test("answers are read to their length, and cut ones are none")
    func clientReading() {
        func answer(_ text: String) -> ControlClient.Answer? { ControlClient.answer(in: Array(text.utf8)) }
        let whole = answer("HTTP/1.1 409 Conflict\r\ncontent-LENGTH:  2\r\n\r\nabc")
        #expect(whole?.status == 409 && whole?.body == Array("ab".utf8))
        for text in [
            "", "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "HTTP/1.1 200 OK\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "SSH-2.0\r\n\r\n", "HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        ] { #expect(answer(text) == nil, "\(text)") }
    }

    @Test("a client says why there is no answer")
    func clientTroubles() {
        func trouble(_ path: String) -> ControlClient.Trouble? {
            do throws(ControlClient.Trouble) {
                _ = try ControlClient(path: path).request("GET", "/")
                return nil
            } catch { return error }
        }
        #expect(trouble("/nowhere/x") == .failed(SystemError(ENOENT, in: "connect")))
        #expect(trouble("") == .noAddress)
        #expect(trouble("/\(String(repeating: "x", count: 200))") == .noAddress)
    }
}

extension String {
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
