import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("Places to listen and to connect")
struct EndpointTests {
    @Test(
        "addresses are taken as they are",
        arguments: [
            "127.0.0.1:80", "0.0.0.0:0", "[::1]:65535", "[2001:db8::1]:1", "unix:/run/x.sock", "unix:x", "unix:@x",
        ])
    func addresses(text: String) throws {
        guard case .address(let address) = try Endpoint(text, ports: 0...65_535).place else {
            Issue.record("\(text) is no address")
            return
        }
        #expect(address.description == text)
    }

    @Test(
        "names are left for the resolver", arguments: ["localhost:80", "a-b.example.org.:80", "under_score:80", "a:80"])
    func names(text: String) throws {
        #expect(try Endpoint(text, ports: 0...65_535).isName)
    }

    @Test("an IPv6 address with a zone is left for the resolver, without its brackets")
    func zone() throws {
        guard case .name(let name, let port) = try Endpoint("[fe80::1%eth0]:80", ports: 1...65_535).place else {
            Issue.record("no name")
            return
        }
        #expect(name == "fe80::1%eth0" && port == 80)
    }

    @Test(
        "what is wrong is named",
        arguments: [
            ("127.0.0.1", "has no port"), ("127.0.0.1:", "has no port"), ("[::1]", "has no port"), ("", "has no port"),
            ("127.0.0.1:65536", "has a port that is none"), ("127.0.0.1:-1", "has a port that is none"),
            ("127.0.0.1:http", "has a port that is none"), ("127.0.0.1:+1", "has a port that is none"),
            ("::1:80", "has more than one colon"), ("2001:db8::1:80", "has more than one colon"),
            ("[::1", "has no IPv6 address in its brackets"), ("[::zz]:80", "has no IPv6 address in its brackets"),
            ("[127.0.0.1]:80", "has no IPv6 address in its brackets"), ("[]:80", "has no IPv6 address in its brackets"),
            (":80", "has no host"), ("1.2.3:80", "is not an IPv4 address"), ("256.1.1.1:80", "is not an IPv4 address"),
            ("12345:80", "is not an IPv4 address"), ("*:80", "is not a host name"), ("a b:80", "is not a host name"),
            ("a/b:80", "is not a host name"), ("ä:80", "is not a host name"),
            ("unix:", "has no path"), ("unix:@", "has no path"),
        ])
    func problems(text: String, reason: String) {
        #expect(problem { () throws(ValueProblem) in _ = try Endpoint(text, ports: 0...65_535) }?.reason == reason)
    }

    @Test("a path that does not fit a socket address is refused")
    func longPath() {
        let longest = "unix:" + String(repeating: "x", count: 107)
        #expect(problem { () throws(ValueProblem) in _ = try Endpoint(longest, ports: 0...1) } == nil)
        let tooLong = problem { () throws(ValueProblem) in _ = try Endpoint(longest + "x", ports: 0...1) }
        #expect(tooLong?.reason == "has a path longer than 107 bytes")
    }

    @Test("an upstream has no port 0, and echo is no host")
    func upstreams() throws {
        #expect(
            problem { () throws(ValueProblem) in _ = try Upstream("127.0.0.1:0") }?.reason == "has a port that is none")
        #expect(try Upstream("echo").isEcho)
        #expect(try !Upstream("echo:80").isEcho)
    }

    @Test("a name that does not exist is refused with the resolver's words")
    func unknownName() throws {
        let endpoint = try Endpoint("no-such-host.invalid:80", ports: 1...65_535)
        let reason = problem { () throws(ValueProblem) in _ = try Resolver.addresses(of: endpoint) }?.reason
        #expect(reason?.hasPrefix("does not resolve: ") == true)
    }

    @Test("a name becomes all of its addresses, with the port")
    func knownName() throws {
        let endpoint = try Endpoint("localhost:8080", ports: 1...65_535)
        let addresses = try Resolver.addresses(of: endpoint)
        #expect(!addresses.isEmpty)
        #expect(addresses.allSatisfy { ["127.0.0.1:8080", "[::1]:8080"].contains($0.description) })
    }
}
