import Testing

@testable import ControlPlane

@Suite("Wrong values of listeners and pools")
struct ListenerAndPoolProblemTests {
    @Test(
        "of a listener are named with their place, their key, the reason and the cure",
        arguments: [
            ("bind: [\"h:1\"]", "f:1:13: listeners[0].name: is missing; write for example name: web"),
            (
                "name: l",
                "f:1:13: listeners[0].bind: is missing; write a list, for example [\"0.0.0.0:443\", \"[::]:443\"]"
            ),
            (
                "name: l, bind: []",
                "f:1:30: listeners[0].bind: is empty; write a list, for example [\"0.0.0.0:443\", \"[::]:443\"]"
            ),
            (
                "name: l, bind: h:1",
                "f:1:30: listeners[0].bind: is a single value; write a list, for example [\"0.0.0.0:443\", \"[::]:443\"]"
            ),
            (
                "name: l, bind: [h]",
                "f:1:31: listeners[0].bind[0] h: has no port; write HOST:PORT, [IPv6]:PORT or unix:PATH"
            ),
            (
                "name: l, bind: [\"h:8-1\"]",
                "f:1:31: listeners[0].bind[0] h:8-1: has a range of ports that runs backwards; write 1-8"
            ),
            (
                "name: l, bind: [\"h:0-1\"]",
                "f:1:31: listeners[0].bind[0] h:0-1: has a port that is none; write FIRST-LAST with numbers from 1 to 65535"
            ),
            (
                "name: l, bind: [\"h:1-60000\"]",
                "f:1:31: listeners[0].bind[0] h:1-60000: stands for 60000 addresses; write a range of at most 4096 ports"
            ),
            (
                "name: l, bind: [\"h:1\"], backlog: 0",
                "f:1:48: listeners[0].backlog 0: is out of range; write a whole number from 1 to 65535"
            ),
            ("name: l, bind: [\"h:1\"], pool: q", "f:1:45: listeners[0].pool q: is no pool; did you mean p?"),
            (
                "name: a b, bind: [\"h:1\"]",
                "f:1:21: listeners[0].name a b: is no name; write 1 to 64 letters, digits, hyphens, dots or underscores"
            ),
            (
                "name: l, bind: [\"h:1\", \"H:1\"]",
                "f:1:38: listeners[0].bind[1] H:1: is listened on twice, in line 1 too; leave one of them out"
            ),
            (
                "name: l, bind: [\"[::1]:1\", \"[0:0::1]:1\"]",
                "f:1:42: listeners[0].bind[1] [0:0::1]:1: is listened on twice, in line 1 too; leave one of them out"
            ),
            (
                "name: l, bind: [\"h:1\"], limits: { rate_per_client: 50 }",
                "f:1:66: listeners[0].limits.rate_per_client 50: is no rate of connections; write a number from 1 to 1000000 for each second or minute, for example 50/s or 100/m"
            ),
            (
                "name: l, bind: [\"h:1\"], limits: { rate_per_client: 0/s }",
                "f:1:66: listeners[0].limits.rate_per_client 0/s: is out of range; write a number from 1 to 1000000 for each second or minute, for example 50/s or 100/m"
            ),
            (
                "name: l, bind: [\"h:1\"], limits: { bandwidth_per_connection: 1MiB }",
                "f:1:75: listeners[0].limits.bandwidth_per_connection 1MiB: is no rate of bytes; write a size for each second, for example 100MiB/s"
            ),
            (
                "name: l, bind: [\"h:1\"], limits: { connections: 0 }",
                "f:1:62: listeners[0].limits.connections 0: is out of range; write a whole number from 1 to 10000000"
            ),
            (
                "name: l, bind: [\"fd:3\", \"fd:03\"]",
                "f:1:39: listeners[0].bind[1] fd:03: is listened on twice, in line 1 too; leave one of them out"
            ),
            (
                "name: l, bind: [\"fd:2\"]",
                "f:1:31: listeners[0].bind[0] fd:2: has a number that no socket can have; write fd:NUMBER with a number from 3 on, or fd:NAME"
            ),
            (
                "name: l, bind: [\"fd:\"]",
                "f:1:31: listeners[0].bind[0] fd:: has neither a number nor a name; write fd:NUMBER with a number from 3 on, or fd:NAME"
            ),
            (
                "name: l, bind: [\"h:1\"], tcp_defer_accept: 1500ms",
                "f:1:57: listeners[0].tcp_defer_accept 1500ms: is no whole number of seconds; write whole seconds, for example 5s"
            ),
            (
                "name: l, bind: [\"h:1\"], keepalive: { idle: 10h }",
                "f:1:58: listeners[0].keepalive.idle 10h: is out of range; write a time from 1s to 9h"
            ),
            (
                "name: l, bind: [\"h:1\"], keepalive: { probes: 128 }",
                "f:1:60: listeners[0].keepalive.probes 128: is out of range; write a whole number from 1 to 127"
            ),
            (
                "name: l, bind: [\"h:1\"], user_timeout: 600h",
                "f:1:53: listeners[0].user_timeout 600h: is out of range; write a time from 1ms to 480h"
            ),
            (
                "name: l, bind: [\"h:1\"], interface: eth0123456789012",
                "f:1:50: listeners[0].interface eth0123456789012: is no name; write 1 to 15 bytes without a blank"
            ),
            (
                "name: l, bind: [\"h:1\"], congestion_control: a b",
                "f:1:59: listeners[0].congestion_control a b: is no name; write 1 to 15 bytes without a blank"
            ),
            (
                "name: l, bind: [unix:/x], mode: 888",
                "f:1:47: listeners[0].mode 888: is no file mode; write three octal digits, for example \"0660\""
            ),
            (
                "name: l, bind: [\"unix:@x\"], mode: \"0660\"",
                "f:1:49: listeners[0].mode: is for UNIX sockets with a file, and there is none here; leave it out"
            ),
            (
                "name: l, bind: [unix:/x], tcp_fastopen: 9",
                "f:1:55: listeners[0].tcp_fastopen: is for TCP, and all addresses here are UNIX sockets; leave it out"
            ),
            (
                "name: l, bind: [\"h:1\"], allow: [10.0.0.1/8]",
                "f:1:47: listeners[0].allow[0] 10.0.0.1/8: has bits set behind its prefix; write the network's own address, or a longer prefix"
            ),
            (
                "name: l, bind: [\"h:1\"], deny: [h]",
                "f:1:46: listeners[0].deny[0] h: is no address; write an IPv4 or IPv6 address, or a prefix such as 10.0.0.0/8 or 2001:db8::/32"
            ),
            (
                "name: l, bind: [\"h:1\"], routes: [{ pool: q }]",
                "f:1:56: listeners[0].routes[0].pool q: is no pool; did you mean p?"
            ),
            (
                "name: l, bind: [\"h:1\"], routes: [{ source: [\"::1\"] }]",
                "f:1:48: listeners[0].routes[0]: leads nowhere; write pool: NAME, fallback_file: PATH or reject: true"
            ),
            (
                "name: l, bind: [\"h:1\"], routes: [{ pool: p, reject: true }]",
                "f:1:48: listeners[0].routes[0]: leads to more than one of pool, fallback_file and reject; leave all but one of them out"
            ),
            (
                "name: l, bind: [\"h:1\"], routes: [{ pool: p }, { source: [\"::1\"], pool: p }]",
                "f:1:48: listeners[0].routes[0]: is for all clients, so the routes behind it are never taken; write it last"
            ),
            (
                "name: l, bind: [\"h:1\"], pool: p, routes: [{ pool: p }]",
                "f:1:57: listeners[0].routes[0]: stands beside pool; leave one of them out; a route without conditions is for all clients that are left"
            ),
            (
                "name: l, bind: [\"h:1\"], routes: [{ sni: [\"*\"], pool: p }]",
                "f:1:56: listeners[0].routes[0].sni[0] *: is for every name there is; leave names out, which makes it the default route, or write *.example.com"
            ),
            (
                "name: l, bind: [\"h:1\"], routes: [{ alpn: [\"\"], pool: p }]",
                "f:1:57: listeners[0].routes[0].alpn[0] : is no protocol's name; write 1 to 255 bytes, such as h2 or http/1.1"
            ),
            (
                "name: l, bind: [\"h:1\"], routes: [{ sni: [a.b], pool: p }, { sni: [A.B.], pool: p }]",
                "f:1:81: listeners[0].routes[1].sni[0] A.B.: is taken by line 1 already; leave one of them out"
            ),
            (
                "name: l, bind: [\"h:1\"], routes: [{ sni: [\"*.b\"], pool: p }, { sni: [a.b], pool: p }]",
                "f:1:83: listeners[0].routes[1].sni[0] a.b: is taken by *.b in line 1 already; write this route before that one"
            ),
            (
                "name: l, bind: [\"h:1\"], proxy_protocol: { timeout: 1s }",
                "f:1:55: listeners[0].proxy_protocol.accept: is missing; write a list, for example [10.0.0.0/8]"
            ),
            (
                "name: l, bind: [\"h:1\"], proxy_protocol: { accept: [all] }",
                "f:1:66: listeners[0].proxy_protocol.accept[0] all: is no address; write an IPv4 or IPv6 address, or a prefix such as 10.0.0.0/8 or 2001:db8::/32"
            ),
        ])
    func listeners(keys: String, expected: String) {
        #expect(problems("listeners: [{ \(keys) }]\npools: [{ name: p, servers: [echo] }]") == [expected])
    }

    @Test(
        "so are those of a pool",
        arguments: [
            ("servers: [echo]", "f:1:9: pools[0].name: is missing; write for example name: web"),
            (
                "name: p",
                "f:1:9: pools[0].servers: is missing; write a list, for example [\"192.0.2.1:80\"], or write resolve"
            ),
            (
                "name: p, resolve: []",
                "f:1:29: pools[0].resolve: is a list; write a mapping with name, type, port, refresh"
            ),
            (
                "name: p, resolve: { type: srv }",
                "f:1:29: pools[0].resolve.name: is missing; write for example name: _https._tcp.shop.svc"
            ),
            (
                "name: p, resolve: { name: a }",
                "f:1:29: pools[0].resolve.type: is missing; write one of a, aaaa, addresses, srv"
            ),
            (
                "name: p, resolve: { name: a, type: mx }",
                "f:1:46: pools[0].resolve.type mx: is none that exists; write one of a, aaaa, addresses, srv"
            ),
            (
                "name: p, resolve: { name: a, type: a }",
                "f:1:46: pools[0].resolve.type a: tells no ports; write port too, or type: srv"
            ),
            (
                "name: p, resolve: { name: a, type: srv, port: 80 }",
                "f:1:57: pools[0].resolve.port 80: stands beside type: srv, which tells ports; leave it out"
            ),
            (
                "name: p, resolve: { name: a..b, type: srv }",
                "f:1:37: pools[0].resolve.name a..b: is no name that can be looked up; write labels of 1 to 63 letters, digits, hyphens or underscores with dots between them"
            ),
            (
                "name: p, resolve: { name: 192.0.2.1, type: srv }",
                "f:1:37: pools[0].resolve.name 192.0.2.1: is an address; write it into servers"
            ),
            (
                "name: p, resolve: { name: a, type: srv, refresh: 10ms }",
                "f:1:60: pools[0].resolve.refresh 10ms: is out of range; write a time from 1s to 24h, or ttl"
            ),
            (
                "name: p, resolve: { name: a, type: srv, refresh: 10 }",
                "f:1:60: pools[0].resolve.refresh 10: has no unit; write 10s for seconds, or use ms, m or h, or ttl"
            ),
            (
                "name: p, servers: []",
                "f:1:29: pools[0].servers: is empty; write a list, for example [\"192.0.2.1:80\"]"
            ),
            ("name: p, servers: [[]]", "f:1:30: pools[0].servers[0]: is a list; write for example \"192.0.2.1:80\""),
            (
                "name: p, servers: [\"h:0\"]",
                "f:1:30: pools[0].servers[0] h:0: has a port that is none; write a number from 1 to 65535"
            ),
            (
                "name: p, servers: [{ weight: 2 }]",
                "f:1:30: pools[0].servers[0].address: is missing; write for example \"192.0.2.1:80\""
            ),
            (
                "name: p, servers: [{ address: echo, weight: 0 }]",
                "f:1:55: pools[0].servers[0].weight 0: is out of range; write a whole number from 1 to 256"
            ),
            (
                "name: p, servers: [{ address: echo, wieght: 2 }]",
                "f:1:47: pools[0].servers[0].wieght: is no key; did you mean weight?"
            ),
            (
                "name: p, servers: [{ address: echo, backup: yes }]",
                "f:1:55: pools[0].servers[0].backup yes: is neither true nor false; write true or false"
            ),
            (
                "name: p, servers: [echo], balance: rr",
                "f:1:46: pools[0].balance rr: is none that exists; write one of round_robin, random_two, least_connections, source_hash, first"
            ),
            (
                "name: p, servers: [echo], proxy_protocol: { send: v3 }",
                "f:1:61: pools[0].proxy_protocol.send v3: is none that exists; write one of v1, v2"
            ),
            (
                "name: p, servers: [echo], proxy_protocol: { send: v2, tlv: [sni] }",
                "f:1:71: pools[0].proxy_protocol.tlv[0] sni: is none that exists; write one of authority, alpn, unique_id, crc32c"
            ),
            (
                "name: p, servers: [echo], proxy_protocol: { send: v1, tlv: [alpn] }",
                "f:1:71: pools[0].proxy_protocol.tlv[0]: is for version 2; write send: v2 or leave tlv out"
            ),
            (
                "name: p, servers: [echo], connect: { retries: -1 }",
                "f:1:57: pools[0].connect.retries -1: is out of range; write a whole number from 0 to 65535"
            ),
            (
                "name: p, servers: [echo], connect: { source: [here] }",
                "f:1:57: pools[0].connect.source[0] here: is no address; write an IPv4 or IPv6 address of this machine, without a port"
            ),
            (
                "name: p, servers: [echo], connect: { source: [127.0.0.1], transparent_source: true }",
                "f:1:57: pools[0].connect.source[0]: stands beside transparent_source: true; leave one of them out"
            ),
            (
                "name: p, servers: [echo], timeouts: { idle: 1:30 }",
                "f:1:55: pools[0].timeouts.idle 1:30: is not a time; write a whole number of ms, s, m or h, from 1ms to 720h"
            ),
            (
                "name: p, servers: [echo], eject: { at_most: 50 }",
                "f:1:55: pools[0].eject.at_most 50: is no share; write 1% to 100%"
            ),
            (
                "name: p, servers: [echo], eject: { after_failures: 0 }",
                "f:1:62: pools[0].eject.after_failures 0: is out of range; write a whole number from 1 to 1000000"
            ),
            (
                "name: p, servers: [echo], health: { connect_only: false }",
                "f:1:61: pools[0].health.connect_only false: leaves nothing to check by; write send, expect or both, or leave it out"
            ),
            (
                "name: p, servers: [echo], health: { connect_only: true, expect: x }",
                "f:1:61: pools[0].health.connect_only true: stands beside send or expect; leave connect_only out, or the others"
            ),
            (
                "name: p, servers: [echo], health: { expect: \"\" }",
                "f:1:55: pools[0].health.expect : is empty; write 1 to 1024 bytes, or leave it out"
            ),
            (
                "name: p, servers: [echo], health: { interval: 1ms }",
                "f:1:57: pools[0].health.interval 1ms: is out of range; write a time from 50ms to 720h"
            ),
            (
                "name: p, servers: [echo], health: { fall: 0 }",
                "f:1:53: pools[0].health.fall 0: is out of range; write a whole number from 1 to 1000"
            ),
            (
                "name: p, servers: [echo], on_down: close_sessions",
                "f:1:46: pools[0].on_down close_sessions: never comes to pass, since no server is checked; write health too, or leave it out"
            ),
            (
                "name: p, servers: [echo], on_down: cut",
                "f:1:46: pools[0].on_down cut: is none that exists; write one of keep, close_sessions"
            ),
            (
                "name: p, servers: [echo], slow_start: 30s",
                "f:1:49: pools[0].slow_start 30s: never comes to pass, since no server is ever down or left out; write health or eject too, or leave it out"
            ),
            (
                "name: p, servers: [echo], server_limits: { queue: 5 }",
                "f:1:52: pools[0].server_limits.connections: is missing; write a whole number from 1 to 10000000"
            ),
            (
                "name: p, servers: [echo], server_limits: { connections: 0 }",
                "f:1:67: pools[0].server_limits.connections 0: is out of range; write a whole number from 1 to 10000000"
            ),
            (
                "name: p, servers: [echo], server_limits: { connections: 5, queue_timeout: 1s }",
                "f:1:85: pools[0].server_limits.queue_timeout 1s: never comes to pass, since nobody waits; write queue too, or leave it out"
            ),
            (
                "name: p, servers: [echo], max_lifetime: { jitter: 5% }",
                "f:1:51: pools[0].max_lifetime.at_most: is missing; write a time from 1ms to 720h"
            ),
            (
                "name: p, servers: [echo], max_lifetime: { at_most: 1h, jitter: 101% }",
                "f:1:74: pools[0].max_lifetime.jitter 101%: is no share; write 0% to 100%"
            ),
            (
                "name: p, servers: [echo], fallback_file: \"\"",
                "f:1:52: pools[0].fallback_file : is no path; name a file"
            ),
        ])
    func pools(keys: String, expected: String) {
        #expect(problems("pools: [{ \(keys) }]\nlisteners: [{ name: l, bind: [\"h:1\"] }]") == [expected])
    }
}
