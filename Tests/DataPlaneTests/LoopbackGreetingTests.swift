import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

@Suite("A worker that hears its clients first, on real sockets", .serialized)
struct LoopbackGreetingTests {
    private let line = Array("PROXY TCP4 203.0.113.7 192.0.2.1 50122 443\r\n".utf8)

    /// Version 2 of the same, with a TLV that nobody knows.
    private var binary: [UInt8] {
        [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0, 17]
            + [203, 0, 113, 7, 192, 0, 2, 1, 0xC3, 0xCA, 0x01, 0xBB] + [0xE0, 0, 2, 1, 2]
    }

    private func everybody() throws -> AddressSet {
        AddressSet([try #require(SocketAddress(numeric: "127.0.0.0", port: 0).flatMap { AddressBlock($0, prefix: 8) })])
    }

    /// A server whose listener hears PROXY headers.
    private func serve(
        _ engine: EngineKind, _ upstream: SocketAddress, relay: RelayPolicy = .adaptive, records: RecordQueue? = nil,
        _ change: (inout ListenerSettings) throws -> Void = { _ in }
    ) throws -> TestServer {
        var listener = ListenerSettings(pool: 0)
        listener.proxies = try everybody()
        try change(&listener)
        let set = PoolSet([PoolSettings([ServerSettings(upstream)])], listeners: [listener])
        return try TestServer(engine, to: .pools(set)) {
            $0.relay.policy = relay
            $0.records = records
        }
    }

    /// The only record there will be.
    private func record(_ queue: RecordQueue) throws -> ConnectionRecord {
        var all: [ConnectionRecord] = []
        #expect(
            eventually {
                _ = queue.take(atMost: .max) { all.append(copy $0) }
                return !all.isEmpty
            })
        return try #require(all.first)
    }

    @Test(
        "takes a header and nothing else, however it comes",
        arguments: EngineKind.allCases, [RelayPolicy.adaptive, .splice, .copy])
    func cuts(engine: EngineKind, relay: RelayPolicy) throws {
        let upstream = try TestListener.loopback()
        let server = try serve(engine, upstream.address, relay: relay)
        for header in [line, binary] {
            for cut in 0...header.count {
                let client = try TestSocket.connected(to: server.address)
                if cut > 0 { try client.send(Array(header[..<cut])) }
                // In a segment of its own: what is peeked at a time is not for the test to say, only what comes of it.
                if cut % 8 == 1 { pause() }
                try client.send(Array(header[cut...]) + [1, 2, 3])
                let far = try upstream.accept()
                #expect(try far.receive(3) == [1, 2, 3], "cut at \(cut)")
                try far.send([4])
                #expect(try client.receive(1) == [4])
            }
        }
        #expect(server.board[.proxyHeadersTaken] == UInt64(line.count + binary.count + 2))
    }

    @Test("takes a header that comes byte by byte, with few looks", arguments: EngineKind.allCases)
    func byteByByte(engine: EngineKind) throws {
        let upstream = try TestListener.loopback()
        let server = try serve(engine, upstream.address)
        for header in [line, binary] {
            let client = try TestSocket.connected(to: server.address)
            for byte in header {
                try client.send([byte])
                pause()
            }
            client.sendFin()
            let far = try upstream.accept()
            #expect(try far.receiveToEnd() == [])
        }
        #expect(eventually { server.board[.proxyHeadersTaken] == 2 })
    }

    @Test("knows the client by its header", arguments: EngineKind.allCases)
    func addresses(engine: EngineKind) throws {
        let upstream = try TestListener.loopback()
        let queue = RecordQueue(try OutBell(), capacity: 64)
        let server = try serve(engine, upstream.address, records: queue)
        let client = try TestSocket.connected(to: server.address)
        let own = try SocketAddress.local(of: client.number)
        try client.send(binary)
        let far = try upstream.accept()
        client.sendFin()
        far.sendFin()
        let record = try record(queue)
        #expect("\(record.client)" == "203.0.113.7:50122" && "\(record.destination.address)" == "192.0.2.1:443")
        #expect("\(record.proxy.address)" == "\(own)" && record.end == .fin)
    }

    @Test("resets who sends none, the wrong thing, half of one, or ends", arguments: EngineKind.allCases)
    func refuses(engine: EngineKind) throws {
        let upstream = try TestListener.loopback()
        let server = try serve(engine, upstream.address) { $0.proxyMillis = 300 }
        let silent = try TestSocket.connected(to: server.address)
        let half = try TestSocket.connected(to: server.address)
        try half.send(Array(line[..<20]))
        let wrong = try TestSocket.connected(to: server.address)
        try wrong.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        let ended = try TestSocket.connected(to: server.address)
        try ended.send(Array(binary[..<20]))
        ended.sendFin()
        for client in [silent, half, wrong, ended] {
            #expect(throws: SystemError(Errno.reset, in: "recv")) { _ = try client.receive(1) }
        }
        #expect(eventually { server.board[.closed] == 4 && server.board[.active] == 0 })
        #expect(server.board[.prologueTimeout] == 2 && server.board[.badPrologue] == 2)
        #expect(server.board[.connectAttempts] == 0)
    }

    @Test("takes what others send as payload", arguments: EngineKind.allCases)
    func strangers(engine: EngineKind) throws {
        let upstream = try TestListener.loopback()
        let server = try serve(engine, upstream.address) { listener in
            let other = SocketAddress(numeric: "192.0.2.1", port: 0).flatMap { AddressBlock($0, prefix: nil) }
            listener.proxies = AddressSet([try #require(other)])
        }
        let client = try TestSocket.connected(to: server.address)
        try client.send(line)
        let far = try upstream.accept()
        #expect(try far.receive(line.count) == line)
        #expect(server.board[.proxyHeadersTaken] == 0)
    }

    @Test("lets nobody come by a header who may not", arguments: EngineKind.allCases)
    func denied(engine: EngineKind) throws {
        let upstream = try TestListener.loopback()
        let server = try serve(engine, upstream.address) { listener in
            let client = SocketAddress(numeric: "203.0.113.7", port: 0).flatMap { AddressBlock($0, prefix: nil) }
            listener.deny = AddressSet([try #require(client)])
        }
        let client = try TestSocket.connected(to: server.address)
        try client.send(line)
        #expect(throws: SystemError(Errno.reset, in: "recv")) { _ = try client.receive(1) }
        #expect(eventually { server.board[.refusedByAddress] == 1 && server.board[.active] == 0 })
    }

    @Test("hears UNIX clients too, who cannot be waited for by the byte", arguments: EngineKind.allCases)
    func unix(engine: EngineKind) throws {
        let upstream = try TestListener.loopback()
        let path = "/tmp/longsplice-test-\(clinux_monotonic_nanoseconds()).sock"
        defer { _ = clinux_unlink(path) }
        let near = try TestListener(try #require(SocketAddress(unixPath: path)))
        var rules = ListenerSettings(pool: 0)
        rules.hasUNIXProxies = true
        let set = PoolSet([PoolSettings([ServerSettings(upstream.address)])], listeners: [rules])
        for relay in [RelayPolicy.adaptive, .splice] {
            var settings = WorkerSettings(target: .pools(set))
            settings.connectionsMax = 10
            settings.relay.policy = relay
            let thread = try WorkerThread(
                settings: settings, engine: engine.choice, connections: ConnectionCount(), processor: nil)
            try thread.start()
            thread.serve([(socket: clinux_duplicate(near.number), isTCP: false)])
            defer {
                thread.control.give(.stop)
                thread.join()
            }
            let client = try TestSocket.connected(to: try SocketAddress.local(of: near.number))
            try client.send(Array(binary[..<20]))
            for _ in 0..<100 { pause() }
            try client.send(Array(binary[20...]) + [1, 2, 3])
            let far = try upstream.accept()
            #expect(try far.receive(3) == [1, 2, 3])
            // Some ticks, and no spinning in between.
            #expect(thread.control.board[.turns] < 1_000)
        }
    }

    // MARK: Going by a ClientHello

    /// A ClientHello with a name and one protocol, in one record.
    private func hello(_ name: String, _ offered: String) -> [UInt8] {
        func block(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes }
        let names = block(block([0] + block(Array(name.utf8))))
        let protocols = block(block([UInt8(offered.utf8.count)] + Array(offered.utf8)))
        let extensions = block([0, 0] + names + [0, 16] + protocols)
        let body = [3, 3] + [UInt8](repeating: 7, count: 32) + [0] + block([0x13, 0x01]) + [1, 0] + extensions
        return [22, 3, 1] + block([1, 0] + block(body))
    }

    private func routes(_ engine: EngineKind, _ upstreams: [TestListener], helloMillis: Int64 = 60_000) throws
        -> TestServer
    {
        var listener = ListenerSettings(pool: 0)
        listener.routes = [Route(names: ["a.example", "*.a.example"], pool: 1), Route(protocols: ["h2"], pool: 2)]
        listener.helloMillis = helloMillis
        let set = PoolSet(upstreams.map { PoolSettings([ServerSettings($0.address)]) }, listeners: [listener])
        return try TestServer(engine, to: .pools(set))
    }

    @Test("routes by name and protocol, and passes the ClientHello on as it came", arguments: EngineKind.allCases)
    func hellos(engine: EngineKind) throws {
        let upstreams = try (0..<3).map { _ in try TestListener.loopback() }
        let server = try routes(engine, upstreams)
        let cases = [
            ("A.example", "x", 1), ("deep.in.a.example", "h2", 1), ("b.example", "h2", 2), ("b.example", "x", 0),
        ]
        for (name, offered, pool) in cases {
            let hello = hello(name, offered)
            for cut in stride(from: 0, through: hello.count, by: 7) {
                let client = try TestSocket.connected(to: server.address)
                if cut > 0 { try client.send(Array(hello[..<cut])) }
                if cut % 3 == 0 { pause() }
                try client.send(Array(hello[cut...]))
                let far = try upstreams[pool].accept()
                #expect(try far.receive(hello.count) == hello, "\(name) cut at \(cut)")
            }
        }
        #expect(server.board[.hellosMissed] == 0)
    }

    @Test("takes the last route for who says something else, ends, or says nothing", arguments: EngineKind.allCases)
    func noHello(engine: EngineKind) throws {
        let upstreams = try (0..<3).map { _ in try TestListener.loopback() }
        let server = try routes(engine, upstreams, helloMillis: 200)
        let hello = hello("a.example", "h2")
        for (said, ends) in [
            (Array("SSH-2.0-x\r\n".utf8), false), (Array(hello[..<30]), true), ([], false), ([], true),
        ] {
            let client = try TestSocket.connected(to: server.address)
            if !said.isEmpty { try client.send(said) }
            if ends { client.sendFin() }
            let far = try upstreams[0].accept()
            #expect(try far.receive(said.count) == said)
            if ends { #expect(try far.receiveToEnd() == []) }
            try far.send([9])
            #expect(try client.receive(1) == [9])
        }
        #expect(server.board[.hellosMissed] == 4)
    }

    // MARK: Introducing clients

    @Test("tells servers who comes, anew for each that is tried", arguments: EngineKind.allCases)
    func introduces(engine: EngineKind) throws {
        let upstream = try TestListener.loopback()
        let nobody = try TestListener.loopback().address
        for version in HeaderRules.Version.allCases {
            var pool = PoolSettings([ServerSettings(nobody), ServerSettings(upstream.address)], .first)
            pool.header = HeaderRules(version)
            var listener = ListenerSettings(pool: 0)
            listener.proxies = try everybody()
            let server = try TestServer(engine, to: .pools(PoolSet([pool], listeners: [listener])))
            let client = try TestSocket.connected(to: server.address)
            try client.send(line + [1, 2, 3])
            let far = try upstream.accept()
            let expected = version == .v1 ? line : Array(binary[..<14]) + [0, 12] + Array(binary[16..<28])
            #expect(try far.receive(expected.count + 3) == expected + [1, 2, 3])
            #expect(server.board[.proxyHeadersSent] == 1 && server.board[.connectRefused] == 1)
            #expect(eventually { server.board[.bytesUp] == 3 })
        }
    }

    @Test("tells servers who comes that speaks for itself, or comes by itself", arguments: EngineKind.allCases)
    func localOrDirect(engine: EngineKind) throws {
        let upstream = try TestListener.loopback()
        for isLocal in [true, false] {
            var pool = PoolSettings([ServerSettings(upstream.address)])
            pool.header = HeaderRules(.v1)
            var listener = ListenerSettings(pool: 0)
            listener.proxies = isLocal ? try everybody() : nil
            let server = try TestServer(engine, to: .pools(PoolSet([pool], listeners: [listener])))
            let client = try TestSocket.connected(to: server.address)
            if isLocal { try client.send(Array(binary[..<12]) + [0x20, 0, 0, 0]) }
            let own = try SocketAddress.local(of: client.number)
            let far = try upstream.accept()
            let expected =
                isLocal ? "PROXY UNKNOWN\r\n" : "PROXY TCP4 127.0.0.1 127.0.0.1 \(own.port) \(server.address.port)\r\n"
            #expect(try far.receive(expected.utf8.count) == Array(expected.utf8))
        }
    }
}
