import CLinux
import LinuxCalls
import Testing

@testable import LoadGenerator

@Suite("A run against a peer in this process", .serialized)
struct RunTests {
    private func expectOK(_ report: RunReport) {
        #expect(report.isOK, "seed \(report.settings.seed): \(report.violations) \(report.peerTrouble ?? "")")
        #expect(report.reconciledCount == report.opened && report.finished == report.opened)
    }

    @Test("of the ledger reconciles every connection", arguments: [1, 2])
    func ledger(threads: Int) throws {
        let report = try TestRun.run(.ledger, seed: UInt64.random(in: 0..<1000), peerThreads: threads) { settings in
            settings.recipe.size = 16 << 10
            (settings.connections, settings.total, settings.threads) = (16, 120, threads)
        }
        expectOK(report)
        #expect(report.opened == 120)
        let endings = Ending.allCases.filter { $0 != .silence }
        #expect(endings.allSatisfy { report.reconciled[Int($0.rawValue)] > 0 })
    }

    @Test("of churn counts requests and times")
    func churn() throws {
        let report = try TestRun.run(.churn, seed: UInt64.random(in: 0..<1000)) { settings in
            settings.total = 400
        }
        expectOK(report)
        #expect(report.opened == 400 && report.turns > 400 && report.latencies.count > 200)
    }

    @Test("of bulk moves bytes the way it is told", arguments: Recipe.Flows.allCases)
    func bulk(flows: Recipe.Flows) throws {
        for size: UInt64 in [0, 1 << 20] {
            let report = try TestRun.run(.bulk) { settings in
                (settings.recipe.flows, settings.recipe.size) = (flows, size)
                settings.durationNanoseconds = size == 0 ? 300_000_000 : nil
                settings.connections = 2
            }
            expectOK(report)
            #expect((report.bytesUp > 0) == (flows != .down) && (report.bytesDown > 0) == (flows != .up))
            if size > 0 { #expect(report.bytesUp == (flows == .down ? 0 : 2 << 20)) }
        }
    }

    @Test("of pingpong keeps to its rate, and times every request from when it was due")
    func pingpong() throws {
        let report = try TestRun.run(.pingpong) { settings in
            (settings.durationNanoseconds, settings.connections) = (500_000_000, 4)
            settings.rate = 400
        }
        expectOK(report)
        #expect((150...210).contains(report.turns) && report.latencies.count == report.turns)
        let closed = try TestRun.run(.pingpong) { settings in
            (settings.durationNanoseconds, settings.connections) = (300_000_000, 4)
        }
        expectOK(closed)
        #expect(closed.turns > report.turns && closed.latencies.maxNanoseconds > 0)
    }

    @Test("measures from the end of the warm-up to the stop", arguments: [Workload.pingpong, .churn])
    func warmUp(workload: Workload) throws {
        let report = try TestRun.run(workload) { settings in
            (settings.durationNanoseconds, settings.connections) = (400_000_000, 4)
            settings.warmUpNanoseconds = 400_000_000
        }
        expectOK(report)
        #expect(report.seconds >= 0.8 && (0.35...0.6).contains(report.measuredSeconds))
        #expect(report.turnsMeasured > 0 && report.turnsMeasured < report.turns * 9 / 10)
        #expect(report.latencies.count < report.turns)
        #expect(workload == .pingpong ? report.finishedMeasured == 0 : report.finishedMeasured > 0)
        #expect(report.json.contains("\"warm_up_s\":0.4"))
        let whole = try TestRun.run(.churn) { $0.total = 50 }
        #expect(whole.finishedMeasured == 50 && whole.turnsMeasured == whole.turns)
        #expect(whole.measuredSeconds == whole.seconds)
    }

    @Test("of idle connections uses each one, keeps silent, and uses each one again")
    func idle() throws {
        let report = try TestRun.run(.idle) { settings in
            (settings.durationNanoseconds, settings.connections) = (500_000_000, 40)
        }
        expectOK(report)
        #expect(report.turns == 80 && report.seconds >= 0.5)
    }

    @Test("of idle connections has the first answers long before the silence ends")
    func silence() throws {
        let peer = try TestRun.peer()
        defer { peer.stop() }
        var settings = RunSettings(Recipe(.idle), seed: 9, targets: peer.addresses)
        (settings.connections, settings.durationNanoseconds) = (20, 60_000_000_000)
        let order = Order()
        let run = try Run(settings, order)
        for _ in 0..<500 where run.glance.turns < 20 { Waiter.pause(nanoseconds: 10_000_000) }
        Waiter.pause(nanoseconds: 50_000_000)
        #expect(run.glance.turns == 20 && run.glance.finished == 0)
        order.give(.stop)
        let report = run.finish()
        expectOK(report)
        #expect(report.turns == 40)
    }

    @Test("repeats one connection alone")
    func only() throws {
        let report = try TestRun.run(.ledger) { $0.only = 1234 }
        #expect(report.isOK && report.opened == 1 && report.reconciledCount == 1)
    }

    @Test("repeats its plans with its seed, and is not taken for the run before")
    func sameSeed() throws {
        let peer = try TestRun.peer()
        defer { peer.stop() }
        var settings = RunSettings(Recipe(.churn), seed: 5, targets: peer.addresses)
        settings.total = 100
        let first = try Run(settings).finish()
        let second = try Run(settings).finish()
        expectOK(first)
        expectOK(second)
        #expect(first.reconciled == second.reconciled)
    }

    @Test("keeps to a rate of opens and takes its addresses in turns")
    func rate() throws {
        let report = try TestRun.run(.churn) { settings in
            (settings.rate, settings.durationNanoseconds) = (200, 500_000_000)
            settings.sources = ["127.0.0.2", "127.0.0.3"].compactMap { SocketAddress(numeric: $0, port: 0) }
        }
        expectOK(report)
        #expect((80...101).contains(report.opened))
    }

    @Test("that is told to stop comes to a good end")
    func stopped() throws {
        let peer = try TestRun.peer()
        defer { peer.stop() }
        for workload in [Workload.ledger, .bulk, .pingpong, .churn, .idle] {
            let order = Order()
            var settings = RunSettings(Recipe(workload), seed: 9, targets: peer.addresses)
            (settings.connections, settings.durationNanoseconds) = (4, 60_000_000_000)
            let run = try Run(settings, order)
            Waiter.pause(nanoseconds: 150_000_000)
            order.give(.stop)
            let report = run.finish()
            expectOK(report)
            #expect(report.wasInterrupted && report.seconds < 30)
        }
    }

    @Test("that is cut leaves at once and takes its connections along")
    func cut() throws {
        let peer = try TestRun.peer()
        defer { peer.stop() }
        let order = Order()
        var settings = RunSettings(Recipe(.idle), seed: 9, targets: peer.addresses)
        (settings.connections, settings.durationNanoseconds) = (20, 60_000_000_000)
        let run = try Run(settings, order)
        Waiter.pause(nanoseconds: 150_000_000)
        order.give(.cut)
        let report = run.finish()
        #expect(report.wasInterrupted && report.seconds < 30 && report.finished == 0)
        #expect(report.peerTrouble == nil, "the peer saw the ends")
    }

    @Test("without a peer says so")
    func nobody() throws {
        let peer = try TestRun.peer()
        let address = peer.addresses
        peer.stop()
        var settings = RunSettings(Recipe(.ledger), seed: 9, targets: address)
        (settings.total, settings.recipe.patienceMillis) = (3, 200)
        let report = try Run(settings).finish()
        #expect(!report.isOK && report.violations.map(\.kind) == [.connectFailed, .connectFailed, .connectFailed])
        #expect(report.violations.allSatisfy { $0.errno == 111 } && report.peerTrouble != nil)
    }

    @Test("over UNIX sockets is fine, where RST is not to be had")
    func local() throws {
        let path = "/tmp/longsplice-load-\(UInt64.random(in: 0..<UInt64.max))"
        let address = try #require(SocketAddress(unixPath: path))
        let peer = try Peer([address], threads: 1)
        defer {
            peer.stop()
            _ = clinux_unlink(path)
        }
        var settings = RunSettings(Recipe(.ledger), seed: 9, targets: [address])
        (settings.total, settings.recipe.size) = (60, 10_000)
        expectOK(try Run(settings).finish())
    }

    @Test("leaves no socket behind")
    func sockets() throws {
        let peer = try TestRun.peer()
        let port = peer.addresses[0].port
        // Other suites open and close descriptors all the time: only those that have to do with this peer count.
        func open() -> Int {
            (Int32(0)..<4_000).count { socket in
                let ends = [try? SocketAddress.local(of: socket), try? SocketAddress.peer(of: socket)]
                return ends.contains { $0?.port == port }
            }
        }
        #expect(open() == 1, "the listener")
        var settings = RunSettings(Recipe(.churn), seed: 3, targets: peer.addresses)
        settings.total = 50
        expectOK(try Run(settings).finish())
        // The peer closes the report's connection a moment after the runner has read it.
        for _ in 0..<200 where open() > 1 { Waiter.pause(nanoseconds: 10_000_000) }
        #expect(open() == 1)
        peer.stop()
        #expect(open() == 0)
    }
}
