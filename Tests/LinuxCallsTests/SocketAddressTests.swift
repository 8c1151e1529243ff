import Testing

@testable import LinuxCalls

@Suite("A socket address")
struct SocketAddressTests {
    @Test("reads back as it was written", arguments: ["127.0.0.1", "0.0.0.0", "255.255.255.255"])
    func ipv4(host: String) throws {
        let address = try #require(SocketAddress(numeric: host, port: 8080))
        #expect(address.isTCP && address.isIPv4 && !address.isIPv6 && !address.isUNIX)
        #expect(address.port == 8080)
        #expect(address.description == "\(host):8080")
        #expect(address.length == 16)
    }

    @Test("of IPv6 is written in brackets", arguments: ["::1", "2001:db8::1", "::"])
    func ipv6(host: String) throws {
        let address = try #require(SocketAddress(numeric: host, port: 443))
        #expect(address.isTCP && address.isIPv6)
        #expect(address.description == "[\(host)]:443")
        #expect(address.length == 28)
    }

    @Test("is not made from anything else", arguments: ["", "localhost", "127.0.0.1.1", "1::2::3", "127.0.0.1 "])
    func rejects(host: String) { #expect(SocketAddress(numeric: host, port: 1) == nil) }

    @Test("of a UNIX socket keeps the path, up to 107 bytes")
    func unix() throws {
        let longest = "/" + String(repeating: "a", count: 106)
        let address = try #require(SocketAddress(unixPath: longest))
        #expect(address.isUNIX && !address.isTCP && address.port == 0)
        #expect(address.unixPath == longest)
        #expect(address.description == "unix:\(longest)")
        #expect(SocketAddress(unixPath: longest + "a") == nil)
        #expect(SocketAddress(unixPath: "") == nil)
        #expect(SocketAddress(unixPath: "/a\0b") == nil)
    }

    @Test("of a UNIX socket without a file keeps the name behind its @, up to 107 bytes")
    func abstract() throws {
        let longest = String(repeating: "a", count: 107)
        let address = try #require(SocketAddress(unixText: "@\(longest)"))
        #expect(address.isUNIX && address.unixPath == nil && address.abstractName == longest)
        #expect(address.description == "unix:@\(longest)" && address.length == 110)
        #expect(try #require(SocketAddress(unixText: "@x")).length == 4)
        #expect(SocketAddress(unixText: "@\(longest)a") == nil)
        #expect(SocketAddress(unixText: "@") == nil)
        #expect(SocketAddress(unixText: "@a\0b") == nil)
        let path = try #require(SocketAddress(unixText: "/a"))
        #expect(path.unixPath == "/a" && path.abstractName == nil)
    }

    @Test("without its port is the same address", arguments: ["127.0.0.1", "2001:db8::1"])
    func clearPort(host: String) throws {
        var address = try #require(SocketAddress(numeric: host, port: 443))
        address.clearPort()
        #expect(address.host == host && address.port == 0)
    }

    @Test("tells the port a listener was given")
    func local() throws {
        let any = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
        let listener = try ListeningSocket.open(any, sharing: false, backlog: 1)
        #expect(try SocketAddress.local(of: listener.number).port != 0)
    }
}

@Suite("A listening socket")
struct ListeningSocketTests {
    @Test("is refused where somebody listens already, even with SO_REUSEPORT")
    func inUse() throws {
        let any = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
        let first = try ListeningSocket.open(any, sharing: true, backlog: 1)
        let taken = try SocketAddress.local(of: first.number)
        #expect(throws: SystemError(Errno.addressInUse, in: "bind")) { try ListeningSocket.probeFree(taken) }
        // Those who share it can still be made.
        _ = try ListeningSocket.open(taken, sharing: true, backlog: 1)
    }
}

@Suite("A system error")
struct SystemErrorTests {
    @Test("names the call, the reason and the symbol")
    func description() {
        let error = SystemError(-111, in: "connect")
        #expect(error.code == 111)
        #expect(error.description == "connect: Connection refused (ECONNREFUSED)")
    }
}
