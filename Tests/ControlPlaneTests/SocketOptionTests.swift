import CLinux
import Glibc
import LinuxCalls
import TestSupport
import Testing

@testable import ControlPlane

@Suite("Options of sockets")
struct SocketOptionTests {
    /// From linux/tcp.h.
    private static let keepIdle: Int32 = 4
    private static let keepInterval: Int32 = 5
    private static let keepCount: Int32 = 6
    private static let deferAccept: Int32 = 9
    private static let congestion: Int32 = 13
    private static let userTimeout: Int32 = 18
    private static let fastOpen: Int32 = 23

    private func read(_ socket: Int32, _ name: Int32, _ level: Int32 = Int32(IPPROTO_TCP)) -> Int32 {
        var value: Int32 = -1
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(socket, level, name, &value, &size)
        return value
    }

    private func congestionControl(_ socket: Int32) -> String {
        var name = [CChar](repeating: 0, count: 16)
        var size = socklen_t(name.count)
        getsockopt(socket, Int32(IPPROTO_TCP), Self.congestion, &name, &size)
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private var keepalive: Keepalive {
        var rules = Keepalive()
        rules.idleSeconds = 61
        rules.intervalSeconds = 11
        rules.probes = 7
        return rules
    }

    @Test("are set on a listener, and accepted sockets have them", arguments: ["127.0.0.1", "::1"])
    func inherited(host: String) throws {
        let options: [SocketOption] = [
            .fastOpen(queue: 9), .deferAccept(seconds: 5), .userTimeout(milliseconds: 30_001), .keepalive(keepalive),
            .congestionControl(try #require(ShortName("reno"))), .interface(try #require(ShortName("lo"))),
        ]
        let any = try #require(SocketAddress(numeric: host, port: 0))
        let listener = try BoundListener(any, workers: 2, backlog: 8, options: options)
        var sockets: [TestSocket] = []
        while let taken = listener.take() { sockets.append(TestSocket(taken.socket)) }
        #expect(sockets.count == 2)
        for socket in sockets {
            #expect(read(socket.number, Self.fastOpen) == 9)
            #expect(read(socket.number, Self.deferAccept) > 0)
        }
        let client = try TestSocket.connected(to: listener.address)
        try client.send([1])
        var accepted: Int32 = -1
        for _ in 0..<2_000 where accepted < 0 {
            for socket in sockets where accepted < 0 { accepted = clinux_accept(socket.number) }
            if accepted < 0 { usleep(1_000) }
        }
        let socket = TestSocket(try checked(accepted, "accept"))
        #expect(read(socket.number, SO_KEEPALIVE, SOL_SOCKET) == 1)
        #expect(read(socket.number, Self.keepIdle) == 61)
        #expect(read(socket.number, Self.keepInterval) == 11)
        #expect(read(socket.number, Self.keepCount) == 7)
        #expect(read(socket.number, Self.userTimeout) == 30_001)
        #expect(congestionControl(socket.number) == "reno")
        // Ours, without which nothing here would be needed.
        #expect(read(socket.number, TCP_NODELAY) == 1)
    }

    @Test("that cannot be set are refused with their place, before anything is bound")
    func refused() throws {
        func refusal(_ option: SocketOption) -> String? {
            let place = FilePlace(file: "f", line: 1, column: 2, key: "k")
            return ControlPlaneTests.refusal { () throws(Refusal) in
                try SocketOption.tryOut([Placed(option, at: .file(place))])
            }?.sentence
        }
        #expect(refusal(.userTimeout(milliseconds: 1)) == nil)
        let nowhere = try #require(ShortName("nowhere0"))
        let congestion = try #require(refusal(.congestionControl(nowhere)))
        #expect(
            congestion.hasPrefix(
                "f:1:2: k nowhere0: is no congestion control that this kernel has loaded; write one of "))
        #expect(congestion.contains("reno") && congestion.hasSuffix(", or load it with modprobe tcp_nowhere0"))
        #expect(refusal(.interface(nowhere)) == "f:1:2: k nowhere0: is no interface of this machine; see `ip link`")
    }

    @Test("that this user may not set name the capability that is needed")
    func notPermitted() throws {
        let error = SystemError(Errno.notPermitted, in: "setsockopt")
        let name = try #require(ShortName("bbr"))
        #expect(SocketOption.transparent.problem(error).cure == "grant CAP_NET_ADMIN (AmbientCapabilities=)")
        #expect(SocketOption.interface(name).problem(error).cure == "grant CAP_NET_RAW (AmbientCapabilities=)")
        #expect(SocketOption.congestionControl(name).problem(error).cure.hasSuffix("or grant CAP_NET_ADMIN"))
    }

    @Test("a UNIX socket's file has the mode that is asked for", arguments: [0o660, 0o777, 0o600])
    func mode(wanted: UInt32) throws {
        let path = freshPath()
        let address = try #require(SocketAddress(unixPath: path))
        let listener = try BoundListener(address, workers: 1, backlog: 1, mode: wanted)
        defer { listener.file?.remove() }
        var status = stat()
        #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == wanted)
    }

    @Test("a UNIX socket without a file is bound by its name, once")
    func abstract() throws {
        let address = try #require(
            SocketAddress(unixText: "@longsplice-test-\(getpid())-\(UInt64.random(in: 0 ... .max))"))
        let listener = try BoundListener(address, workers: 2, backlog: 1)
        #expect(listener.file == nil && listener.address.description == address.description)
        let problem = problem { () throws(ValueProblem) in _ = try BoundListener(address, workers: 1, backlog: 1) }
        #expect(problem?.reason == "is in use")
        let client = try TestSocket.connected(to: address)
        let taken = TestSocket(try #require(listener.take()).socket)
        let accepted = TestSocket(try checked(clinux_accept(taken.number), "accept"))
        try client.send([7])
        #expect(try accepted.receive(1) == [7])
    }
}
