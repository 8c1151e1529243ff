import Testing

@testable import ControlPlane

@Suite("What is wrong with a configuration file")
struct ConfigurationProblemTests {
    /// A line before the places, and what is said of it.
    @Test(
        "a value is named with its place, its key, the reason and the cure",
        arguments: [
            ("workers: 0", "f:1:10: workers 0: is out of range; write a whole number from 1 to 256"),
            ("workers: two", "f:1:10: workers two: is not a whole number; write a whole number from 1 to 256"),
            ("workers: 1_0", "f:1:10: workers 1_0: is not a whole number; write a whole number from 1 to 256"),
            ("workers: 0x10", "f:1:10: workers 0x10: is not a whole number; write a whole number from 1 to 256"),
            ("workers: 0o17", "f:1:10: workers 0o17: is not a whole number; write a whole number from 1 to 256"),
            ("workers: 1e1", "f:1:10: workers 1e1: is not a whole number; write a whole number from 1 to 256"),
            ("workers: 010", "f:1:10: workers 010: begins with 0, which YAML may read as octal; write 10"),
            ("workers: ~", "f:1:10: workers ~: is not a whole number; write a whole number from 1 to 256"),
            ("workers:", "f:1:9: workers: has no value; write a whole number from 1 to 256"),
            ("workers: [2]", "f:1:10: workers: is a list; write a whole number from 1 to 256"),
            ("workers: { a: 2 }", "f:1:10: workers: is a mapping; write a whole number from 1 to 256"),
            ("engine: kqueue", "f:1:9: engine kqueue: is none that exists; write one of auto, uring, epoll"),
            ("relay: on", "f:1:8: relay on: is none that exists; write one of adaptive, splice, copy"),
            (
                "spin_micros: 1:30",
                "f:1:14: spin_micros 1:30: is not a whole number; write a whole number from 0 to 1000"
            ),
            (
                "uring: 5",
                "f:1:8: uring: is a single value; write a mapping with ring_depth, cq_depth, iowq_workers, taskrun"
            ),
            ("uring:", "f:1:7: uring: has no value; write a mapping with ring_depth, cq_depth, iowq_workers, taskrun"),
            (
                "uring: { ring_depth: 1024, cq_depth: 16 }",
                "f:1:38: uring.cq_depth 16: is less than uring.ring_depth 1024; write at least 1024"
            ),
            (
                "uring: { cq_depth: 16 }",
                "f:1:20: uring.cq_depth 16: is less than uring.ring_depth 256; write at least 256"
            ),
            (
                "pipes: { size: 2MiB }",
                "f:1:16: pipes.size 2MiB: is out of range; write a size from 4KiB to 1MiB (fs.pipe-max-size)"
            ),
            (
                "pipes: { size: 1M }",
                "f:1:16: pipes.size 1M: is not a size; write plain bytes or a whole number of KiB, MiB or GiB, from 4KiB to 1MiB (fs.pipe-max-size)"
            ),
            (
                "pipes: { size: 4096, chunk: 1MiB }",
                "f:1:29: pipes.chunk 1MiB: is more than a pipe of pipes.size 4KiB holds; write at most 4KiB or leave it out"
            ),
            ("drain_timeout: 5", "f:1:16: drain_timeout 5: has no unit; write 5s for seconds, or use ms, m or h"),
            ("log: { stats: 10ms }", "f:1:15: log.stats 10ms: is out of range; write a time from 100ms to 720h"),
            (
                "access_log: { format: json }",
                "f:1:23: access_log.format json: is for an access log, and there is none; add access_log.to or leave it out"
            ),
            ("access_log: { to: '' }", "f:1:19: access_log.to : has no path; write a file, - or unix:PATH"),
            (
                "limits: { connections: 1e3 }",
                "f:1:24: limits.connections 1e3: is not a whole number; write a whole number from 1 to 10000000"
            ),
            ("worker: 2", "f:1:1: worker: is no key; did you mean workers?"),
            ("drain-timeout: 2s", "f:1:1: drain-timeout: is no key; did you mean drain_timeout?"),
            (
                "uring: { depth: 2 }",
                "f:1:10: uring.depth: is no key; the keys here are ring_depth, cq_depth, iowq_workers, taskrun"
            ),
            ("log: { lvel: info }", "f:1:8: log.lvel: is no key; did you mean level?"),
            ("engine: auto\nengine: auto", "f:2:1: engine: is written twice, in line 1 too; leave one of them out"),
            (
                "'engine': auto\n\"engine\": auto",
                "f:2:1: engine: is written twice, in line 1 too; leave one of them out"
            ),
            ("engine: auto\nengin: auto", "f:2:1: engin: is no key; did you mean engine?"),
            ("workers: !!int 2", "f:1:10: has a tag, tag:yaml.org,2002:int; leave the tag out"),
            ("workers: \"2\\0\"", "f:1:10: workers: holds a zero byte; remove it"),
            ("[a]: 2\n[a]: 3", "f:1:1: has a key that is no single word; see longsplice config --example"),
            ("[a]: 2", "f:1:1: has a key that is no single word; see longsplice config --example"),
        ])
    func values(line: String, expected: String) {
        #expect(problems("\(line)\n\(places)") == [expected])
    }

    @Test(
        "so is one of a listener",
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
                "f:1:48: listeners[0].routes[0]: leads nowhere; write pool: NAME or reject: true"
            ),
            (
                "name: l, bind: [\"h:1\"], routes: [{ pool: p, reject: true }]",
                "f:1:48: listeners[0].routes[0]: has a pool and rejects; leave one of them out"
            ),
            (
                "name: l, bind: [\"h:1\"], routes: [{ pool: p }, { source: [\"::1\"], pool: p }]",
                "f:1:48: listeners[0].routes[0]: is for all clients, so the routes behind it are never taken; write it last"
            ),
            (
                "name: l, bind: [\"h:1\"], pool: p, routes: [{ pool: p }]",
                "f:1:57: listeners[0].routes[0]: stands beside pool; leave one of them out; a route without source is for all clients that are left"
            ),
        ])
    func listeners(keys: String, expected: String) {
        #expect(problems("listeners: [{ \(keys) }]\npools: [{ name: p, servers: [echo] }]") == [expected])
    }

    @Test(
        "so is one of a pool",
        arguments: [
            ("servers: [echo]", "f:1:9: pools[0].name: is missing; write for example name: web"),
            ("name: p", "f:1:9: pools[0].servers: is missing; write a list, for example [\"192.0.2.1:80\"]"),
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
                "name: p, servers: [echo], connect: { retries: -1 }",
                "f:1:57: pools[0].connect.retries -1: is out of range; write a whole number from 0 to 65535"
            ),
            (
                "name: p, servers: [echo], connect: { source: [here] }",
                "f:1:57: pools[0].connect.source[0] here: is no address; write an IPv4 or IPv6 address of this machine, without a port"
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
                "name: p, servers: [echo], fallback_file: \"\"",
                "f:1:52: pools[0].fallback_file : is no path; name a file"
            ),
        ])
    func pools(keys: String, expected: String) {
        #expect(problems("pools: [{ \(keys) }]\nlisteners: [{ name: l, bind: [\"h:1\"] }]") == [expected])
    }

    @Test("several are all told, in the order of their places")
    func several() {
        let found = problems(
            """
            listeners:
              - { name: l, bind: ["h:1"], pool: b }
              - { name: l, bind: ["h:1"] }
            pools:
              - { name: a, servers: [echo] }
              - { name: a, servers: ["h:0", { address: "h:1", wait: 2, weight: 0 }] }
            wrokers: 2
            engine: fast
            engine: slow
            """)
        #expect(
            found == [
                "f:2:37: listeners[0].pool b: is no pool; did you mean a?",
                "f:3:5: listeners[1].pool: is missing, and there are 2 pools; write one of a, a",
                "f:3:13: listeners[1].name l: is another listener's name, in line 2 too; choose another name",
                "f:3:23: listeners[1].bind[0] h:1: is listened on twice, in line 2 too; leave one of them out",
                "f:6:13: pools[1].name a: is another pool's name, in line 5 too; choose another name",
                "f:6:26: pools[1].servers[0] h:0: has a port that is none; write a number from 1 to 65535",
                "f:6:51: pools[1].servers[1].wait: is no key; the keys here are address, weight, backup",
                "f:6:68: pools[1].servers[1].weight 0: is out of range; write a whole number from 1 to 256",
                "f:7:1: wrokers: is no key; did you mean workers?",
                "f:8:9: engine fast: is none that exists; write one of auto, uring, epoll",
                "f:9:1: engine: is written twice, in line 8 too; leave one of them out",
            ])
    }

    @Test("repeated keys are told wherever they are, however they are written, and however often")
    func repetitions() {
        let found = problems(
            """
            log: { level: info, "level": info, 'level': info }
            workers: 1
            workers: 1
            workers: 1
            \(places)
            """)
        #expect(
            found == [
                "f:1:21: log.level: is written twice, in line 1 too; leave one of them out",
                "f:1:36: log.level: is written twice, in line 1 too; leave one of them out",
                "f:3:1: workers: is written twice, in line 2 too; leave one of them out",
                "f:4:1: workers: is written twice, in line 2 too; leave one of them out",
            ])
        let spelled = problems("\"\\x77orkers\": 1\nworkers: 1\n\(places)")
        #expect(spelled == ["f:1:1: has a key twice, workers; leave one of them out"])
    }

    @Test("a pool that nobody names is a warning")
    func unusedPool() throws {
        let file = try readFile(
            """
            listeners: [{ name: l, bind: ["h:1"], pool: a }]
            pools:
              - { name: a, servers: [echo] }
              - { name: b, servers: [echo] }
            """)
        #expect(
            file.warnings.map(\.line)
                == [
                    "f:4:5: pools[1] b: warning: is a pool that no listener names; name it in a listener or leave it out"
                ])
    }

    @Test("missing places are asked for with an example")
    func missing() {
        #expect(
            problems("workers: 2") == [
                "f:1:1: listeners: is missing; write a list, for example - { name: https, bind: [\"0.0.0.0:443\"] }",
                "f:1:1: pools: is missing; write a list, for example - { name: web, servers: [\"192.0.2.1:80\"] }",
            ])
    }

    @Test("what would break the line or fill the screen is escaped and cut")
    func strangeValues() {
        let long = String(repeating: "x", count: 500)
        let found = problems("engine: \"a\\nb\"\n\(long): 2\n\(places)\n\"a\\tb\": 1")
        #expect(found[0] == #"f:1:9: engine a\nb: is none that exists; write one of auto, uring, epoll"#)
        #expect(found[1].hasPrefix("f:2:1: \(long.prefix(64))…: is no key; the keys here are workers, "))
        #expect(found[2].hasPrefix(#"f:5:1: a\tb: is no key; "#))
        let many = FileProblems(
            problems: (1...250).map {
                FileProblem(
                    FilePlace(file: "f", line: $0, column: 1, key: "k"), ValueProblem("is no key", cure: "remove it"))
            })
        #expect(many.lines.count == 101 && many.lines.last == "and 150 more")
    }
}
