import CLinux
import DataPlane
import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("What health checks amount to")
struct HealthTallyTests {
    private func rules(rise: Int, fall: Int) -> HealthRules {
        var rules = HealthRules()
        rules.rise = rise
        rules.fall = fall
        return rules
    }

    /// `+` for a check that succeeded, `-` for one that failed; what changed, as `d`, `u` and `.`.
    private func changes(_ checks: String, _ rules: HealthRules) -> String {
        var tally = HealthTally()
        return String(
            checks.map { check in
                switch tally.note(succeeded: check == "+", rules) {
                case .wentDown: "d"
                case .cameUp: "u"
                case nil: "."
                }
            })
    }

    @Test("a server goes down after so many failures in a row, and is up after so many successes")
    func riseAndFall() {
        #expect(changes("---", rules(rise: 2, fall: 3)) == "..d")
        #expect(changes("--+--+---", rules(rise: 2, fall: 3)) == "........d")
        #expect(changes("-----+-++---", rules(rise: 2, fall: 3)) == "..d.....u..d")
        #expect(changes("-+-+", rules(rise: 1, fall: 1)) == "dudu")
        #expect(changes("++++", rules(rise: 1, fall: 1)) == "....")
        #expect(!changes(String(repeating: "--+", count: 500), rules(rise: 2, fall: 3)).contains("d"))
    }

    @Test("the checks of a pool are spread evenly over its interval, each server in its turn")
    func spread() {
        var round = HealthRound(servers: 1_000, intervalMillis: 2_000, startingAt: 50)
        var begun: [Int: [Int64]] = [:]
        for now in Int64(0)..<10_050 {
            var count = 0
            while let server = round.next(at: now) {
                begun[server, default: []].append(now)
                count += 1
            }
            #expect(count <= 1)
        }
        #expect(begun.count == 1_000)
        for server in 0..<1_000 { #expect(begun[server] == (0..<5).map { Int64(50 + server * 2 + $0 * 2_000) }) }
    }

    @Test("rounds that were missed are not made up for, and nobody's turn is lost")
    func missed() {
        var round = HealthRound(servers: 3, intervalMillis: 300, startingAt: 0)
        #expect(round.next(at: 0) == 0)
        var servers: [Int] = []
        while let server = round.next(at: 100_000) { servers.append(server) }
        #expect(servers == [1] && round.dueMillis == 100_100)
        // Less than a round is.
        let late = (0..<4).map { _ in round.next(at: 100_310) }
        #expect(late == [2, 0, 1, nil])
        var single = HealthRound(servers: 1, intervalMillis: 50, startingAt: 7)
        #expect(single.next(at: 6) == nil && single.next(at: 7) == 0 && single.next(at: 56) == nil)
        #expect(single.next(at: 57) == 0 && single.dueMillis == 107)
    }

    @Test("what is expected may stand anywhere in an answer")
    func occurs() {
        func occurs(_ wanted: String, _ answer: String) -> Bool {
            HealthProbe.occurs(Array(wanted.utf8), in: Array(answer.utf8))
        }
        #expect(occurs("+PONG", "+PONG\r\n") && occurs("220 ", "220-a\r\n220 b") && occurs("b", "aab"))
        #expect(!occurs("+PONG", "+PON") && !occurs("+PONG", "") && !occurs("x", "abc") && occurs("", ""))
    }
}

@Suite("Health checks of servers on this machine", .serialized)
struct HealthCheckerTests {
    /// Accepts, and answers each connection with the same bytes; nil for silence.
    private final class Backend {
        let address: SocketAddress
        private let socket: Int32
        private let stopped = Locked(false)
        private var thread: NamedThread?

        init(answering answer: [UInt8]?, at wanted: SocketAddress? = nil) throws {
            let any = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
            let place = wanted ?? any
            let number = try checked(clinux_socket(place.family), "socket")
            _ = clinux_set_reuse_address(number)
            _ = try checked(place.withBytes { clinux_bind(number, $0.baseAddress, place.length) }, "bind")
            _ = try checked(clinux_listen(number, 64), "listen")
            socket = number
            address = try SocketAddress.local(of: number)
            let stopped = stopped
            thread = try NamedThread("backend") {
                var open: [Int32] = []
                while !stopped.withLock({ $0 }) {
                    let client = clinux_accept(number)
                    if client >= 0 {
                        open.append(client)
                        if let answer { _ = clinux_send(client, answer, answer.count) }
                    } else {
                        _ = clinux_wait_for_room(-1, -1, 2)
                    }
                }
                for client in open { _ = clinux_close(client) }
            }
        }

        func stop() {
            guard let thread else { return }
            stopped.withLock { $0 = true }
            thread.join()
            self.thread = nil
            _ = clinux_close(socket)
        }

        deinit { stop() }
    }

    private func checker(
        _ addresses: [SocketAddress], woken: Locked<Int> = Locked(0), _ change: (inout HealthRules) -> Void
    ) throws -> (HealthChecker, ServerStates) {
        var rules = HealthRules()
        rules.intervalMillis = 50
        change(&rules)
        var pool = PoolConfiguration("p", servers: [])
        pool.health = rules
        let set = PoolSet([PoolSettings(addresses.map { ServerSettings($0) })])
        let plans = [HealthPlan(pool, set.pools[0])].compactMap(\.self)
        let made = try HealthChecker(plans, set.states) { woken.withLock { $0 += 1 } }
        let checker = try #require(made)
        try checker.start()
        return (checker, set.states)
    }

    private func nobody() throws -> SocketAddress {
        let backend = try Backend(answering: nil)
        backend.stop()
        return backend.address
    }

    @Test("tell a server that accepts from one that refuses, and notice when it comes back")
    func connectOnly() throws {
        let good = try Backend(answering: nil)
        let dead = try nobody()
        let woken = Locked(0)
        let (checker, states) = try checker([good.address, dead], woken: woken) { _ in }
        defer { checker.stop() }
        #expect(!states[1].isDown, "up until it has proved otherwise")
        #expect(eventually { states[1].isDown })
        #expect(!states[0].isDown && woken.withLock { $0 } == 1)
        #expect(checker.failure(of: 1) == "was refused" && checker.failure(of: 0) == nil)
        let back = try Backend(answering: nil, at: dead)
        #expect(eventually { !states[1].isDown })
        #expect(states[1].upSinceMillis > 0)
        let counts = checker.counts
        #expect(counts.wentDown == 1 && counts.cameUp == 1 && counts.checksFailed >= 3 && counts.checks >= 8)
        _ = back
    }

    @Test("go by what a server says: the right thing, the wrong one, nothing, or too much before it")
    func answers() throws {
        let pong = Array("+PONG\r\n".utf8)
        let noise = [UInt8](repeating: 0x2B, count: 3_000)
        let backends = try [pong, Array("-ERR".utf8), nil, noise + pong, noise + noise + pong].map {
            try Backend(answering: $0)
        }
        let (checker, states) = try checker(backends.map(\.address)) {
            // Long enough for answers of a machine that is busy with other tests.
            $0.timeoutMillis = 1_500
            $0.send = Array("PING\r\n".utf8)
            $0.expect = Array("+PONG".utf8)
        }
        defer { checker.stop() }
        #expect(eventually { states[1].isDown && states[2].isDown && states[4].isDown })
        #expect(!states[0].isDown && !states[3].isDown)
        #expect(eventually { checker.failure(of: 1) == "got another answer than expected" })
        #expect(eventually { checker.failure(of: 2) == "got no answer in time" })
        #expect(eventually { checker.failure(of: 4) == "got another answer than expected" })
        #expect(eventually { checker.failure(of: 0) == nil && checker.failure(of: 3) == nil })
    }

    @Test("need a bounded number of descriptors")
    func descriptors() throws {
        var pool = PoolConfiguration("p", servers: [])
        #expect(HealthChecker.descriptorsMax([pool], isChangeable: false) == 0)
        pool.health = HealthRules()
        let echo = ServerConfiguration(Placed(try Upstream("echo"), at: .flag("--upstream")))
        pool.servers = Array(repeating: echo, count: 5_000)
        #expect(HealthChecker.descriptorsMax([pool], isChangeable: false) == 1_026)
        pool.servers = [echo]
        #expect(HealthChecker.descriptorsMax([pool], isChangeable: false) == 3)
        #expect(HealthChecker.descriptorsMax([pool], isChangeable: true) == 66)
    }
}
