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
            (
                "control: { socket: '@x' }",
                "f:1:20: control.socket @x: is no path of a UNIX socket; write a path of 1 to 107 bytes, for example /run/longsplice/control.sock"
            ),
            (
                "control: { mode: \"0600\" }",
                "f:1:10: control.socket: is missing; write for example socket: /run/longsplice/control.sock"
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
