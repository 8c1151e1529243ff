import DataPlane
import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("Every key of a configuration file")
struct ConfigurationKeyTests {
    @Test("a listener and a pool are enough, and the rest is as with flags")
    func defaults() throws {
        let file = try readFile(places).configuration
        var flags = ServeFlags()
        flags.listen = ["127.0.0.1:0"]
        flags.upstream = ["echo"]
        let same = try ServeConfiguration(flags, workersByDefault: 2, pipeBytesMax: 1 << 20)
        #expect(file.workers == 2 && same.workers == 2)
        #expect(file.engine == same.engine && file.relay == same.relay && file.ring == same.ring)
        #expect(file.pipeBytes == same.pipeBytes && file.chunkBytes == same.chunkBytes)
        #expect(file.buffers == same.buffers && file.spinMicros == same.spinMicros)
        #expect(file.maxConnections == nil && file.maxConnectionsPerClient == nil)
        #expect(file.drainMillis == same.drainMillis && file.statsMillis == nil)
        #expect(file.logFormat == same.logFormat && file.logLevel == same.logLevel)
        #expect(file.accessLog == nil && file.accessLogFormat == same.accessLogFormat)
        #expect(file.listeners[0].backlog == same.listeners[0].backlog && file.listeners[0].pool == 0)
        let (pool, other) = (file.pools[0], same.pools[0])
        #expect(pool.balance == other.balance && pool.retries == nil && pool.sources.isEmpty && pool.fallback == nil)
        #expect(pool.timeouts.connectMillis == other.timeouts.connectMillis)
        #expect(pool.timeouts.idleMillis == other.timeouts.idleMillis)
        #expect(pool.timeouts.finMillis == other.timeouts.finMillis)
        #expect(pool.servers[0].weight == 1 && !pool.servers[0].isBackup)
    }

    @Test("keys of the process are read")
    func process() throws {
        let file = try readFile(
            """
            workers: 7
            engine: epoll
            relay: splice
            uring: { ring_depth: 8192, cq_depth: 16384, iowq_workers: 4, taskrun: coop }
            pipes: { size: 256KiB, chunk: 64KiB }
            buffers: { size: 32KiB, count: 64 }
            spin_micros: 0
            limits: { connections: 99, connections_per_client: 5 }
            drain_timeout: 4h
            log: { format: json, level: critical, stats: 100ms }
            access_log: { to: unix:/run/x, format: text }
            control: { socket: /run/y, mode: "0660" }
            \(places)
            """
        ).configuration
        #expect(file.workers == 7 && file.engine == .epoll && file.relay == .splice)
        #expect(file.ring.ringDepth == 8192 && file.ring.completionDepth == 16_384)
        #expect(file.ring.workQueueThreads == 4 && file.ring.taskRun == .cooperative)
        #expect(file.pipeBytes == 1 << 18 && file.chunkBytes == 1 << 16)
        #expect(file.buffers.bytes == 1 << 15 && file.buffers.count == 64 && file.ring.buffers == file.buffers)
        #expect(file.spinMicros == 0 && file.maxConnections == 99 && file.maxConnectionsPerClient == 5)
        #expect(file.drainMillis == 14_400_000 && file.statsMillis == 100)
        #expect(file.logFormat == .json && file.logLevel == .critical)
        #expect(file.accessLog == .socket(path: "/run/x") && file.accessLogFormat == .text)
        #expect(file.control?.socket.value == "/run/y" && file.control?.mode == 0o660)
        #expect(file.control?.socket.origin.text == "f:12:20: control.socket")
        #expect(file.source.path == "f" && file.source.text?.hasPrefix("workers: 7\nengine: epoll") == true)
        #expect(file.engineOrigin.text == "f:2:9: engine")
        #expect(file.maxConnectionsOrigin.text == "f:8:24: limits.connections")
        #expect(file.accessLogOrigin.text == "f:11:19: access_log.to")
    }

    @Test("keys of listeners and pools are read, with the place of everything that a start may refuse")
    func listenersAndPools() throws {
        let file = try readFile(
            """
            listeners:
              - name: https
                bind: ["0.0.0.0:443", unix:/run/x]
                backlog: 17
                pool: web
              - { name: other, bind: ["[::]:80"], pool: "b" }
            pools:
              - { name: b, servers: [localhost:1] }
              - name: web
                balance: source_hash
                servers: ["10.0.0.1:2", { address: "10.0.0.2:3", weight: 256 }, { backup: true, address: echo }]
                connect: { timeout: 1s, retries: 0, source: [127.0.0.9, "::1"] }
                timeouts: { idle: 2m, fin: 3ms }
                fallback_file: /page
            """)
        #expect(file.warnings.isEmpty)
        let listeners = file.configuration.listeners
        #expect(listeners.map(\.name) == ["https", "other"] && listeners.map(\.pool) == [1, 0])
        #expect(listeners[0].bind.map(\.value.text) == ["0.0.0.0:443", "unix:/run/x"] && listeners[0].backlog == 17)
        #expect(listeners[0].bind[1].origin.text == "f:3:27: listeners[0].bind[1]")
        let pool = file.configuration.pools[1]
        #expect(pool.name == "web" && pool.balance == .sourceHash && pool.retries == 0)
        #expect(pool.servers.map(\.weight) == [1, 256, 1] && pool.servers.map(\.isBackup) == [false, false, true])
        #expect(pool.servers[2].upstream.value.isEcho && file.configuration.hasEcho)
        #expect(pool.servers[1].upstream.origin.text == "f:11:40: pools[1].servers[1].address")
        #expect(pool.sources.map(\.value.host) == ["127.0.0.9", "::1"])
        #expect(pool.sources[0].origin.text == "f:12:50: pools[1].connect.source[0]")
        #expect(pool.timeouts.connectMillis == 1_000 && pool.timeouts.idleMillis == 120_000)
        #expect(pool.timeouts.finMillis == 3 && pool.fallback?.value == "/page")
        #expect(pool.fallback?.origin.text == "f:14:20: pools[1].fallback_file")
    }

    @Test("names that give servers are read, beside written servers or without")
    func resolve() throws {
        let file = try readFile(
            """
            listeners: [{ name: l, bind: ["[::]:1"], pool: a }]
            pools:
              - { name: a, resolve: { name: _https._tcp.shop.svc, type: srv } }
              - { name: b, servers: [echo], resolve: { name: shop.svc., type: addresses, port: 80, refresh: 90s } }
              - { name: c, servers: [echo] }
              - { name: d, resolve: { name: x, type: aaaa, port: 1, refresh: ttl } }
            """
        ).configuration
        let rules = file.pools.map(\.resolve?.value)
        #expect(
            rules == [
                ResolveRules("_https._tcp.shop.svc", .srv),
                ResolveRules("shop.svc.", .addresses, port: 80, refreshMillis: 90_000), nil,
                ResolveRules("x", .aaaa, port: 1),
            ])
        #expect(file.pools.map(\.servers.count) == [0, 1, 1, 0])
    }

    @Test("options of sockets are read, with their places, in listeners and pools")
    func socketOptions() throws {
        let file = try readFile(
            """
            listeners:
              - name: l
                bind: ["[::]:1", unix:/run/x, "unix:@x"]
                tcp_fastopen: 7
                tcp_defer_accept: 5s
                user_timeout: 30s
                keepalive: { interval: 3s }
                congestion_control: bbr
                interface: eth0
                transparent: true
                mode: "0640"
            pools:
              - name: p
                servers: [echo]
                connect: { keepalive: {}, user_timeout: 480h, congestion_control: reno, transparent_source: true }
            """
        ).configuration
        func name(_ text: String) throws -> ShortName { try #require(ShortName(text)) }
        var every = Keepalive()
        every.intervalSeconds = 3
        let listener = file.listeners[0]
        #expect(
            try listener.options.map(\.value) == [
                .fastOpen(queue: 7), .deferAccept(seconds: 5), .userTimeout(milliseconds: 30_000), .keepalive(every),
                .congestionControl(name("bbr")), .interface(name("eth0")), .transparent,
            ])
        #expect(listener.options[4].origin.text == "f:8:25: listeners[0].congestion_control")
        #expect(listener.options[3].origin.text == "f:7:16: listeners[0].keepalive")
        #expect(listener.mode?.value == 0o640 && listener.mode?.origin.text == "f:11:11: listeners[0].mode")
        let pool = file.pools[0]
        #expect(
            try pool.options.map(\.value) == [
                .keepalive(Keepalive()), .userTimeout(milliseconds: 1_728_000_000), .congestionControl(name("reno")),
                .transparent,
            ])
        #expect(pool.isTransparent && pool.options[3].origin.text.hasSuffix("pools[0].connect.transparent_source"))
        let plain = try readFile(places).configuration
        #expect(plain.listeners[0].options.isEmpty && plain.pools[0].options.isEmpty && plain.listeners[0].mode == nil)
        let off = try readFile(
            "listeners: [{ name: l, bind: [\"[::]:1\"], transparent: false }]\npools: [{ name: p, servers: [echo] }]")
        #expect(off.configuration.listeners[0].options.isEmpty)
    }

    @Test("one address on two interfaces is not one address")
    func interfaces() throws {
        func listeners(_ first: String, _ second: String) -> String {
            "listeners: [{ name: a, bind: [\"[::]:1\"]\(first) }, { name: b, bind: [\"[::]:1\"]\(second) }]\n"
                + "pools: [{ name: p, servers: [echo] }]"
        }
        #expect(problems(listeners(", interface: eth0", ", interface: eth1")).isEmpty)
        #expect(problems(listeners(", interface: eth0", "")).isEmpty)
        #expect(problems(listeners(", interface: eth0", ", interface: eth0")).count == 1)
    }

    @Test("what a listener takes")
    func limits() throws {
        func limits(_ text: String) throws -> ListenerLimitsConfiguration {
            try readFile(
                "listeners: [{ name: l, bind: [\"[::]:1\"]\(text) }]\npools: [{ name: p, servers: [echo] }]"
            ).configuration.listeners[0].limits
        }
        let all = try limits(
            ", limits: { connections: 20000, per_client: 100, rate_per_client: 50/s, bandwidth_per_connection: 100MiB/s }"
        )
        #expect(all.connections == 20_000 && all.perClient == 100 && all.bytesPerSecond == 100 << 20)
        #expect(all.ratePerClient == ConnectionRate(count: 50, seconds: 1))
        #expect(try limits(", limits: { rate_per_client: 7/m }").ratePerClient == ConnectionRate(count: 7, seconds: 60))
        #expect(try limits("") == ListenerLimitsConfiguration())
        #expect(try limits("").countConnections == false)
        #expect(try limits(", limits: { bandwidth_per_connection: 1KiB/s }").countConnections == false)
        #expect(try limits(", limits: { connections: 1 }").countConnections)
    }

    @Test("sockets that were passed are listened on, by number or name")
    func inherited() throws {
        let file = try readFile(
            "listeners: [{ name: l, bind: [\"fd:3\", \"fd:https\"] }]\npools: [{ name: p, servers: [\"fd:3\"] }]")
        #expect(file.configuration.listeners[0].bind.map(\.value.text) == ["fd:3", "fd:https"])
        // Of a server it is a host's name.
        guard case .endpoint(let server) = file.configuration.pools[0].servers[0].upstream.value else {
            Issue.record("no endpoint")
            return
        }
        #expect(server.isName && !file.configuration.listeners[0].bind[0].value.isName)
    }

    private func blocks(_ texts: String...) throws -> [AddressBlock] { try texts.map { try AddressBlock($0) } }

    @Test("who may come, and where clients go by their addresses")
    func access() throws {
        let file = try readFile(
            """
            listeners:
              - { name: a, bind: ["[::]:1"], allow: [10.0.0.0/8, "::1"], deny: [10.0.0.66], pool: p }
              - name: b
                bind: ["[::]:2"]
                routes: [{ source: [192.0.2.0/24], pool: q }, { source: [192.0.2.1], reject: true }, { pool: p }]
              - { name: c, bind: ["[::]:3"], routes: [{ source: ["2001:db8::/32"], pool: p }] }
              - { name: d, bind: ["[::]:4"], routes: [{ source: [10.0.0.1], pool: q }, { reject: true }] }
            pools: [{ name: p, servers: [echo] }, { name: q, servers: [echo] }]
            """)
        #expect(file.warnings.isEmpty)
        let all = file.configuration.listeners
        #expect(try all[0].allow == blocks("10.0.0.0/8", "::1"))
        #expect(try all[0].deny == blocks("10.0.0.66"))
        #expect(all[0].pool == 0 && all[0].routes.isEmpty && all[1].allow == nil && all[1].deny.isEmpty)
        #expect(all[1].pool == 0 && all[1].routes.map(\.pool) == [1, nil])
        #expect(try all[1].routes[0].sources == blocks("192.0.2.0/24"))
        #expect(all[2].pool == nil && all[2].routes.map(\.pool) == [0])
        #expect(all[3].pool == nil && all[3].routes.map(\.pool) == [1])
    }

    @Test("who speaks for clients, what is told of them, and where they go by what they say")
    func prologues() throws {
        let file = try readFile(
            """
            listeners:
              - name: a
                bind: ["[::]:1"]
                proxy_protocol: { accept: [10.0.0.0/8, unix], timeout: 1s }
                client_hello_timeout: 2s
                routes:
                  - { sni: [a.example, "*.a.example"], alpn: [h2], source: [10.0.0.1], pool: q }
                  - { alpn: [http/1.1], reject: true }
                  - { pool: p }
              - { name: b, bind: ["[::]:2"], proxy_protocol: { accept: [unix] }, pool: q }
            pools:
              - { name: p, servers: [echo], proxy_protocol: { send: v1 } }
              - { name: q, servers: [echo], proxy_protocol: { send: v2, tlv: [authority, alpn, unique_id, crc32c] } }
            """)
        #expect(file.warnings.isEmpty)
        let (a, b) = (file.configuration.listeners[0], file.configuration.listeners[1])
        #expect(try a.proxies == blocks("10.0.0.0/8"))
        #expect(a.hasUNIXProxies && a.proxyMillis == 1_000 && a.helloMillis == 2_000)
        #expect(a.routes[0].names == ["a.example", "*.a.example"] && a.routes[0].protocols == ["h2"])
        #expect(try a.routes[0].sources == blocks("10.0.0.1") && a.routes[1].sources == nil)
        #expect(a.routes.map(\.pool) == [1, nil] && a.pool == 0)
        #expect(b.proxies.isEmpty && b.hasUNIXProxies && b.proxyMillis == 3_000 && b.helloMillis == 3_000)
        let rules = file.configuration.pools.map(\.header)
        #expect(rules == [HeaderRules(.v1), HeaderRules(.v2, [.authority, .alpn, .uniqueID, .checksum])])
    }

    @Test("when servers are left out, with defaults for what is not written")
    func eject() throws {
        func rules(_ text: String) throws -> EjectRules? {
            try readFile(
                "listeners: [{ name: l, bind: [\"[::]:1\"] }]\npools: [{ name: p, servers: [echo]\(text) }]"
            ).configuration.pools[0].eject
        }
        #expect(try rules("") == nil)
        #expect(
            try rules(", eject: { after_failures: 3, for: 1m, at_most: 34% }")
                == EjectRules(afterFailures: 3, forMillis: 60_000, atMostPercent: 34))
        #expect(try rules(", eject: {}") == EjectRules())
        #expect(try rules(", eject: { for: 1s }") == EjectRules(forMillis: 1_000))
    }

    private func pool(_ text: String) throws -> PoolConfiguration {
        try readFile("listeners: [{ name: l, bind: [\"[::]:1\"] }]\npools: [{ name: p, servers: [echo]\(text) }]")
            .configuration.pools[0]
    }

    @Test("how servers are checked, with defaults for what is not written")
    func health() throws {
        #expect(try pool("").health == nil)
        #expect(try pool(", health: {}").health == HealthRules())
        let plain = try #require(try pool(", health: { connect_only: true, rise: 7 }").health)
        #expect(plain.rise == 7 && plain.fall == 3 && plain.expect.isEmpty)
        let words = try #require(
            try pool(
                ", health: { interval: 250ms, fall: 1, timeout: 5s, connect_only: false, send: \"PING\\r\\n\", expect: \"+PONG\" }"
            ).health)
        #expect(words.intervalMillis == 250 && words.rise == 2 && words.fall == 1 && words.timeoutMillis == 5_000)
        #expect(words.send == Array("PING\r\n".utf8) && words.expect == Array("+PONG".utf8))
    }

    @Test("what becomes of sessions and servers over time")
    func overTime() throws {
        let plain = try pool("")
        #expect(plain.onDown == .keep && plain.slowStartMillis == nil)
        #expect(plain.timeouts.lifetimeMillis == .max && plain.timeouts.clientFinMillis == nil)
        let full = try pool(
            ", health: {}, on_down: close_sessions, slow_start: 30s, max_lifetime: { at_most: 12h, jitter: 3% }, timeouts: { client_fin: 1s, server_fin: 2s }"
        )
        #expect(full.onDown == .closeSessions && full.slowStartMillis == 30_000)
        #expect(full.timeouts.lifetimeMillis == 43_200_000 && full.timeouts.lifetimeJitterPercent == 3)
        #expect(full.timeouts.clientFinMillis == 1_000 && full.timeouts.serverFinMillis == 2_000)
        #expect(full.timeouts.finMillis == 30_000)
        #expect(try pool(", max_lifetime: { at_most: 1h }").timeouts.lifetimeJitterPercent == 10)
        #expect(try pool(", max_lifetime: { jitter: 0%, at_most: 1h }").timeouts.lifetimeJitterPercent == 0)
        #expect(try pool(", eject: {}, slow_start: 1s").slowStartMillis == 1_000)
    }

    @Test("how many connections servers have, and who waits for one")
    func serverLimits() throws {
        let plain = try pool("")
        #expect(plain.serverLimits == nil && plain.timeouts.queueMillis == nil)
        let few = try pool(", server_limits: { connections: 5 }")
        #expect(few.serverLimits == ServerLimits(connections: 5, queue: 0) && few.timeouts.queueMillis == nil)
        let all = try pool(", server_limits: { queue: 100, connections: 500, queue_timeout: 1500ms }")
        #expect(all.serverLimits == ServerLimits(connections: 500, queue: 100))
        #expect(all.timeouts.queueMillis == 1_500 && all.timeouts.connectMillis == 5_000)
    }

    @Test("every balance is known", arguments: Balance.allCases)
    func balances(balance: Balance) throws {
        let text = """
            listeners: [{ name: l, bind: ["127.0.0.1:0"] }]
            pools: [{ name: p, servers: [echo], balance: \(balance.name) }]
            """
        #expect(try readFile(text).configuration.pools[0].balance == balance)
    }

    @Test("what depends on something else follows it")
    func dependentDefaults() throws {
        let file = try readFile("uring: { ring_depth: 32768 }\npipes: { size: 64KiB }\n\(places)").configuration
        #expect(file.ring.completionDepth == 32_768 && file.chunkBytes == 65_536)
    }

    @Test("a range of ports stands for that many addresses, each with the item's weight")
    func ranges() throws {
        let file = try readFile(
            """
            listeners: [{ name: l, bind: ["127.0.0.1:8000-8003", "[::1]:9-9"] }]
            pools: [{ name: p, servers: [{ address: "10.0.0.1:1-3", weight: 4 }, "name-1.example:10-11"] }]
            """
        ).configuration
        #expect(
            file.listeners[0].bind.map(\.value.text)
                == ["127.0.0.1:8000", "127.0.0.1:8001", "127.0.0.1:8002", "127.0.0.1:8003", "[::1]:9"])
        #expect(file.pools[0].servers.map(\.weight) == [4, 4, 4, 1, 1])
        #expect(file.listeners[0].bind[3].origin.text == "f:1:31: listeners[0].bind[0]")
    }

    @Test("weights that would fill the memory are refused, and large ones that divide are none")
    func weights() throws {
        let head = "listeners: [{ name: l, bind: [\"[::]:1\"] }]\npools: [{ name: p, servers: ["
        let many = "{ address: \"10.0.0.1:1-8000\", weight: 256 }"
        #expect(try readFile("\(head)\(many)] }]").configuration.pools[0].turnCount == 8_000)
        #expect(
            problems("\(head)\(many), { address: \"h:1\", weight: 255 }] }]")
                == ["f:2:9: pools[0] p: has weights of 2048255 together; write smaller ones, at most 1048576"])
    }

    @Test("block and flow style, quotes, comments, CRLF and a byte order mark make no difference")
    func styles() throws {
        let block = """
            # & *no anchor* in a comment
            listeners:
            - name: 'l'
              bind:
              - "127.0.0.1:0" # here neither
            pools:
            - name: p
              servers:
              - address: echo
                weight: "2"
            """
        for text in [block, block.replacing("\n", with: "\r\n"), "\u{FEFF}" + block, "---\n" + block + "\n...\n"] {
            #expect(try readFile(text).configuration.pools[0].servers[0].weight == 2)
        }
    }

    @Test("the largest pool there can be is read within seconds")
    func manyServers() throws {
        let ranges = (0..<64).map { "\"10.0.0.\($0):1-1023\"" }.joined(separator: ", ")
        let single = (0..<4_000).map { "{ address: \"10.1.\($0 / 256).\($0 % 256):80\" }" }.joined(separator: ",\n")
        let text = "listeners: [{ name: l, bind: [\"[::]:1\"] }]\npools: [{ name: p, servers: ["
        #expect(try readFile("\(text)\(ranges)] }]").configuration.pools[0].servers.count == 65_472)
        #expect(try readFile("\(text)\(single)] }]").configuration.pools[0].servers.count == 4_000)
        #expect(
            problems("\(text)\(ranges), \"10.0.1.1:1-64\"] }]")
                == ["f:2:9: pools: have 65536 servers together; write at most 65535"])
    }
}
