import CLinux
import DataPlane
import LinuxCalls
import Synchronization

/// Checks the servers of all pools that want it, on one thread, and says in `ServerStates` which are down.
///
/// Servers are up until they have proved otherwise. At most `probesMax` checks are under way at a time; what is due beyond that is
/// not made, and counted.
final class HealthChecker: @unchecked Sendable {
    static let probesMax = 1_024

    private struct Pool {
        let rules: HealthRules
        /// The number of its first server.
        let first: Int
        let addresses: [SocketAddress]
        let sources: [SocketAddress]
        var sourceTurn = 0
        var round: HealthRound
        var tallies: [HealthTally]
    }

    // Used by the thread alone, once it runs.
    private var pools: [Pool] = []
    /// By their sockets.
    private var probes: [Int32: HealthProbe] = [:]
    /// By the servers' numbers.
    private var isUnderCheck: [Bool]
    private let states: ServerStates
    private let wakeWorkers: @Sendable () -> Void
    private let epoll: OwnedDescriptor
    private let bell: OwnedDescriptor
    private var events = Array(repeating: clinux_epoll_event(), count: 256)

    // Shared.
    private let shared = Locked(Shared())
    private let stops = Atomic<Bool>(false)
    private var thread: NamedThread?

    private struct Shared {
        var counts = HealthCounts()
        /// By the servers' numbers, of those that have failed some check.
        var failures: [Int: CheckFailure] = [:]
    }

    /// Nil where no pool wants checks.
    /// - Parameters:
    ///   - set: the same pools.
    ///   - wakeWorkers: called when a server has gone down.
    init?(
        _ configurations: [PoolConfiguration], _ set: PoolSet, wakeWorkers: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        guard configurations.contains(where: { $0.health != nil }) else { return nil }
        states = set.states
        self.wakeWorkers = wakeWorkers
        isUnderCheck = Array(repeating: false, count: set.servers.count)
        epoll = OwnedDescriptor(try checked(clinux_epoll_create(), "epoll_create1"))
        bell = OwnedDescriptor(try checked(clinux_event(), "eventfd"))
        _ = try checked(clinux_epoll_add(epoll.number, bell.number, clinux_epoll_in), "epoll_ctl")
        let now = Clock.nowMillis()
        var first = 0
        for (index, configuration) in configurations.enumerated() {
            let servers = set.pools[index].servers
            if var rules = configuration.health, !servers.isEmpty {
                if let header = configuration.header { rules.send = header.ofNobody + rules.send }
                // Pools of one server each must not be checked together either.
                let delay = rules.intervalMillis * Int64(index) / Int64(configurations.count)
                pools.append(
                    Pool(
                        rules: rules, first: first, addresses: servers.map(\.address),
                        sources: set.pools[index].sources,
                        round: HealthRound(
                            servers: servers.count, intervalMillis: rules.intervalMillis, startingAt: now + delay),
                        tallies: Array(repeating: HealthTally(), count: servers.count)))
            }
            first += servers.count
        }
    }

    /// Descriptors that are needed at most; 0 where no pool wants checks.
    static func descriptorsMax(_ pools: [PoolConfiguration]) -> Int {
        let servers = pools.filter { $0.health != nil }.reduce(0) { $0 + $1.servers.count }
        return servers == 0 ? 0 : min(probesMax, servers) + 2
    }

    // MARK: For others

    func start() throws(SystemError) {
        thread = try NamedThread("health") { self.main() }
    }

    /// Returns when the thread has ended.
    func stop() {
        stops.store(true, ordering: .relaxed)
        _ = clinux_event_ring(bell.number)
        thread?.join()
        thread = nil
    }

    var counts: HealthCounts { shared.withLock { $0.counts } }

    /// Why the last check of a server that failed did so, as it follows "its last check"; nil where none has failed.
    func failure(of server: Int) -> String? { shared.withLock { $0.failures[server] }?.words }

    // MARK: On the thread

    private func main() {
        while !stops.load(ordering: .relaxed) {
            beginChecks(at: Clock.nowMillis())
            wait()
            endOverdue(at: Clock.nowMillis())
        }
        probes.removeAll()
    }

    private func beginChecks(at now: Int64) {
        for index in pools.indices {
            while let server = pools[index].round.next(at: now) { begin(server, of: index, at: now) }
        }
    }

    private func begin(_ server: Int, of index: Int, at now: Int64) {
        let number = pools[index].first + server
        // A check may take longer than the interval.
        guard !isUnderCheck[number] else { return }
        guard probes.count < Self.probesMax else { return note(.notMade, server, of: index) }
        let address = pools[index].addresses[server]
        let socket = HealthProbe.connect(to: address, from: nextSource(of: index, family: address.family))
        guard socket >= 0 else { return note(CheckOutcome(connect: socket), server, of: index) }
        let probe = HealthProbe(socket, pools[index].rules, server: server, pool: index, at: now)
        // Edges: each one is answered by going as far as it gets.
        let events = clinux_epoll_in | clinux_epoll_out | clinux_epoll_read_hangup
        guard clinux_epoll_add(epoll.number, socket, events) == 0 else { return note(.notMade, server, of: index) }
        isUnderCheck[number] = true
        probes[socket] = probe
    }

    private func nextSource(of index: Int, family: Int32) -> SocketAddress? {
        let sources = pools[index].sources
        for _ in sources.indices {
            pools[index].sourceTurn = (pools[index].sourceTurn + 1) % sources.count
            let source = sources[pools[index].sourceTurn]
            if source.family == family { return source }
        }
        return nil
    }

    private func wait() {
        var until = pools.reduce(Int64.max) { min($0, $1.round.dueMillis) }
        for probe in probes.values { until = min(until, probe.endsAtMillis) }
        let millis = max(0, until &- Clock.nowMillis())
        let count = clinux_epoll_wait(epoll.number, &events, Int32(events.count), millis &* 1_000_000)
        guard count > 0 else { return }
        for event in events[..<Int(count)] {
            // One that has ended may have an event left, which does no harm to another one with the same number.
            guard let probe = probes[event.descriptor], let outcome = probe.goOn() else { continue }
            end(probe, outcome)
        }
    }

    private func endOverdue(at now: Int64) {
        for probe in probes.values where probe.endsAtMillis <= now { end(probe, probe.overdue) }
    }

    /// The socket is closed with its probe.
    private func end(_ probe: HealthProbe, _ outcome: CheckOutcome) {
        probes[probe.number] = nil
        isUnderCheck[pools[probe.pool].first + probe.server] = false
        note(outcome, probe.server, of: probe.pool)
    }

    private func note(_ outcome: CheckOutcome, _ server: Int, of index: Int) {
        guard outcome != .notMade else { return shared.withLock { $0.counts.checksNotMade &+= 1 } }
        let number = pools[index].first + server
        let rules = pools[index].rules
        let change = pools[index].tallies[server].note(succeeded: outcome == .succeeded, rules)
        shared.withLock { shared in
            shared.counts.checks &+= 1
            if case .failed(let failure) = outcome {
                shared.counts.checksFailed &+= 1
                shared.failures[number] = failure
            }
            switch change {
            case .wentDown: shared.counts.wentDown &+= 1
            case .cameUp: shared.counts.cameUp &+= 1
            case nil: break
            }
        }
        switch change {
        case .wentDown:
            states.goDown(number)
            wakeWorkers()
        case .cameUp: states.comeUp(number, at: Clock.nowMillis())
        case nil: break
        }
    }
}
