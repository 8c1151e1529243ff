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
        let plan: HealthPlan
        var sourceTurn = 0
        var round: HealthRound
        /// By the servers' places in the plan.
        var tallies: [HealthTally]
    }

    // Used by the thread alone, once it runs.
    private var pools: [Pool] = []
    /// By their sockets.
    private var probes: [Int32: HealthProbe] = [:]
    /// The servers' numbers.
    private var underCheck: Set<Int> = []
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

    /// What is checked.
    let plans: [HealthPlan]

    /// Nil where nobody is to be checked.
    /// - Parameters:
    ///   - wakeWorkers: called when a server has gone down.
    ///   - former: the checker until now, which has stopped: what it knows of servers that are checked on stays.
    init?(
        _ plans: [HealthPlan], _ states: ServerStates, after former: HealthChecker? = nil,
        wakeWorkers: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        guard !plans.isEmpty else { return nil }
        self.plans = plans
        self.states = states
        self.wakeWorkers = wakeWorkers
        epoll = OwnedDescriptor(try checked(clinux_epoll_create(), "epoll_create1"))
        bell = OwnedDescriptor(try checked(clinux_event(), "eventfd"))
        _ = try checked(clinux_epoll_add(epoll.number, bell.number, clinux_epoll_in), "epoll_ctl")
        let now = Clock.nowMillis()
        let known = former?.known ?? [:]
        for (index, plan) in plans.enumerated() {
            let rules = plan.rules
            // Pools of one server each must not be checked together either.
            let delay = rules.intervalMillis * Int64(index) / Int64(plans.count)
            let same = former?.pools.first { $0.plan == plan }
            pools.append(
                Pool(
                    plan: plan,
                    round: same?.round
                        ?? HealthRound(
                            servers: plan.servers.count, intervalMillis: rules.intervalMillis, startingAt: now + delay),
                    tallies: plan.servers.map { server in
                        known[server.number].flatMap { $0.server == server ? $0.tally : nil } ?? HealthTally()
                    }))
        }
        guard let former else { return }
        let stays = Set(plans.flatMap(\.servers).map(\.number))
        shared.withLock { shared in
            shared = former.shared.withLock { $0 }
            shared.failures = shared.failures.filter { stays.contains($0.key) }
            for (number, one) in known where !stays.contains(number) && !one.tally.isUp { shared.counts.leftDown &+= 1 }
        }
    }

    /// How each server stands, by its number.
    private var known: [Int: (server: HealthPlan.Server, tally: HealthTally)] {
        var known: [Int: (server: HealthPlan.Server, tally: HealthTally)] = [:]
        for pool in pools {
            for (server, tally) in zip(pool.plan.servers, pool.tallies) { known[server.number] = (server, tally) }
        }
        return known
    }

    /// Servers that may be checked later, which a process keeps descriptors for that can be given others. Where these do not suffice
    /// and all others are in use, a check is not made.
    private static let laterServers = 64

    /// Descriptors to be kept; 0 where nobody is checked.
    static func descriptorsMax(_ pools: [PoolConfiguration], isChangeable: Bool) -> Int {
        let servers = pools.filter { $0.health != nil }.reduce(0) { $0 + $1.servers.count }
        let all = max(servers, isChangeable ? laterServers : 0)
        return all == 0 ? 0 : min(probesMax, all) + 2
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
        let one = pools[index].plan.servers[server]
        // A check may take longer than the interval.
        guard !underCheck.contains(one.number) else { return }
        guard probes.count < Self.probesMax else { return note(.notMade, server, of: index) }
        let source = nextSource(of: index, family: one.address.family)
        let socket = HealthProbe.connect(to: one.address, from: source)
        guard socket >= 0 else { return note(CheckOutcome(connect: socket), server, of: index) }
        let probe = HealthProbe(socket, pools[index].plan.rules, server: server, pool: index, at: now)
        // Edges: each one is answered by going as far as it gets.
        let events = clinux_epoll_in | clinux_epoll_out | clinux_epoll_read_hangup
        guard clinux_epoll_add(epoll.number, socket, events) == 0 else { return note(.notMade, server, of: index) }
        underCheck.insert(one.number)
        probes[socket] = probe
    }

    private func nextSource(of index: Int, family: Int32) -> SocketAddress? {
        let sources = pools[index].plan.sources
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
        underCheck.remove(pools[probe.pool].plan.servers[probe.server].number)
        note(outcome, probe.server, of: probe.pool)
    }

    private func note(_ outcome: CheckOutcome, _ server: Int, of index: Int) {
        guard outcome != .notMade else { return shared.withLock { $0.counts.checksNotMade &+= 1 } }
        let number = pools[index].plan.servers[server].number
        let rules = pools[index].plan.rules
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
