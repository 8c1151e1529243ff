import CLinux
import DataPlane
import LinuxCalls
import Logging

/// Everything that serves: engines, workers, listeners, and the embedded echo server. It is started by being made.
///
/// Signals and the time are the supervisor's business; a test can run a server without either.
package final class Server {
    package let engineName: String
    /// What is served now.
    package private(set) var configuration: ServeConfiguration
    private var places: Places
    private let roster: Roster
    private let clients: Int
    private let workers: WorkerGroup
    /// Outlives the workers, who are its clients.
    private let echo: EmbeddedEcho?
    private var sockets: [SocketKey: OpenSocket]
    /// In the order in which they were bound.
    private var order: [SocketKey]
    private let accessLog: AccessLog?
    private var health: HealthChecker?
    private var fallbacks: FallbackFiles
    /// Of servers whose numbers others have by now.
    private var failuresOfOthers = ConnectFailures(upstreamCount: 0)

    /// A socket that is listened on.
    private struct OpenSocket {
        let address: SocketAddress
        let file: SocketFile?
        let bind: Places.Bind
        var number: UInt16
    }

    /// Starts in an order in which nothing has to be taken back: limits, engine, names, workers, and ports last.
    ///
    /// Throws one sentence on what stands in the way; nothing is left behind then. Logs what was chosen once all stands.
    /// - Parameters:
    ///   - inherited: sockets that this process was started with.
    ///   - isChangeable: whether `adopt` may follow.
    package init(
        _ configuration: ServeConfiguration, on machine: Machine,
        inherited: InheritedSockets = InheritedSockets { _ in nil }, isChangeable: Bool = false, log: Logger
    ) throws(Refusal) {
        var limits = Limits(
            workers: configuration.workers, listeners: configuration.bindCount, hasEcho: configuration.hasEcho)
        limits.healthChecks = HealthChecker.descriptorsMax(configuration.pools, isChangeable: isChangeable)
        limits.control = configuration.control == nil ? 0 : ControlSettings.descriptorsMax
        let limit = try DescriptorLimit(
            configuration.maxConnections, at: configuration.maxConnectionsOrigin, limits, machine.descriptors)
        let decision = try EngineDecision(
            configuration.engine, at: configuration.engineOrigin, configuration.ring, descriptors: limit.descriptors,
            disabled: machine.uringDisabled, names: configuration.names)
        let places = try Places(configuration, inherited)
        try Self.tryOut(configuration)
        let fallbacks = try FallbackFiles(configuration.pools)
        let accessLog = try configuration.accessLog.map { place throws(Refusal) in
            try AccessLog(
                place, configuration.accessLogFormat, at: configuration.accessLogOrigin, workers: configuration.workers)
        }
        let roster = Roster(isChangeable: isChangeable, servers: places.serverCount)
        let openings = try Self.openings(places, roster, [:])
        let clients = limit.clients(workers: configuration.workers)
        let launch = try Launch(
            configuration, limit, decision, machine, records: accessLog?.queues ?? [], isChangeable: isChangeable
        ) { echo in
            roster.next(
                configuration, servers: places.servers(configuration, echo: echo), sockets: openings, clients: clients,
                counts: isChangeable, fallbacks, at: Clock.nowMillis())
        }
        let controls = launch.workers.controls
        let health = try Self.checker(configuration, roster, after: nil) { for control in controls { control.wake() } }
        let bound = try Self.bind(places, without: [:], workers: configuration.workers)
        for (opening, one) in zip(openings, bound) { roster.name(opening.number, one.listener.address) }
        do throws(Refusal) {
            try accessLog?.start(
                listeners: roster.listenerNames, upstreams: roster.servers.map { "\($0)" },
                engine: launch.decision.choice.name, relay: configuration.relay.rawValue)
            try Self.start(health)
        } catch {
            for one in bound { one.listener.file?.remove() }
            throw error
        }

        engineName = launch.decision.choice.name
        self.configuration = configuration
        self.places = places
        self.roster = roster
        self.clients = clients
        workers = launch.workers
        echo = launch.echo
        self.accessLog = accessLog
        self.health = health
        self.fallbacks = fallbacks
        order = bound.map(\.key)
        sockets = Dictionary(
            uniqueKeysWithValues: zip(openings, bound).map { opening, one in
                (
                    one.key,
                    OpenSocket(
                        address: one.listener.address, file: one.listener.file, bind: one.bind, number: opening.number)
                )
            })
        workers.serve(bound.map(\.listener))
        let report = StartReport(configuration, machine, limits, limit, launch.decision)
        report.log(to: log)
        for (pool, addresses) in zip(configuration.pools, places.servers) {
            for (server, addresses) in zip(pool.servers, addresses) {
                report.logUpstream(server.upstream.value, addresses, to: log)
            }
        }
        fallbacks.report(to: log)
        for address in addresses { log.info("listening on \(address)") }
    }

    // MARK: Changes

    /// Serves another configuration from now on: what is in both stays as it is, with its sockets, connections, health and counters,
    /// and connections of what is gone go on to their end. Only pools and listeners change; `ConfigurationDifference` names the rest.
    ///
    /// Throws what stands in the way; nothing has changed then. To be called on the thread that made the server.
    /// - Parameter looksUp: whether names that are known already are looked up again, which may take long and may fail.
    package func adopt(
        _ next: ServeConfiguration, looksUp: Bool = true
    ) throws(Refusal) -> ConfigurationDifference {
        let known = looksUp ? [:] : self.places.known(configuration)
        let places = try Places(next, InheritedSockets { _ in nil }, after: self.places, known: known)
        if next.hasEcho && echo == nil {
            throw Refusal(.failure, "an embedded echo server is only started with the process; restart it")
        }
        let addresses = places.servers(next, echo: echo?.address)
        guard roster.hasRoom(for: next, servers: addresses, adopted: workers.generation, at: Clock.nowMillis()) else {
            throw Refusal(
                .failure,
                "too many servers or pools are new, beside those that are here and those that have gone lately; change fewer at a time, or restart the process"
            )
        }
        try Self.tryOut(next)
        let fallbacks = try FallbackFiles(next.pools, after: self.fallbacks)
        let openings = try Self.openings(places, roster, sockets)
        let bound = try Self.bind(places, without: sockets, workers: configuration.workers)
        let difference = ConfigurationDifference(from: configuration, to: next, flows: flows)

        // Nothing fails from here on.
        let set = roster.next(
            next, servers: addresses, sockets: openings, clients: clients, counts: true, fallbacks,
            at: Clock.nowMillis())
        for number in roster.givenAgain { failuresOfOthers.remember(number, of: allConnectFailures) }
        change(places, openings, bound, set)
        configuration = next
        self.places = places
        self.fallbacks = fallbacks
        return difference
    }

    private func change(_ places: Places, _ openings: [Opening], _ bound: [Bound], _ set: PoolSet) {
        let keys = places.sockets.map(\.key)
        let gone = sockets.filter { !keys.contains($0.key) }
        var opened: [(listener: BoundListener, number: UInt16)] = []
        var renamed: [Renaming] = []
        for (key, opening) in zip(keys, openings) {
            if let former = sockets[key] {
                if former.number != opening.number { renamed.append(Renaming(from: former.number, to: opening.number)) }
                sockets[key]?.number = opening.number
            } else if let one = bound.first(where: { $0.key == key }) {
                roster.name(opening.number, one.listener.address)
                sockets[key] = OpenSocket(
                    address: one.listener.address, file: one.listener.file, bind: one.bind, number: opening.number)
                opened.append((one.listener, opening.number))
            }
        }
        for key in gone.keys { sockets[key] = nil }
        order = keys
        accessLog?.rename(listeners: roster.listenerNames, upstreams: roster.servers.map { "\($0)" })
        workers.hand(set, opened: opened, closed: gone.values.map(\.number), renamed: renamed)
        for one in gone.values { one.file?.remove() }
    }

    /// Health checks by the present configuration. Those that are not what they were begin anew.
    ///
    /// Throws where they cannot be made; then nothing is checked, and all servers that were checked count as up.
    package func renewHealthChecks() throws(Refusal) {
        let plans = Self.plans(configuration, roster)
        guard plans != health?.plans ?? [] else { return }
        let former = health
        former?.stop()
        health = nil
        let controls = workers.controls
        defer { settle(former) }
        health = try Self.checker(configuration, roster, after: former) { for control in controls { control.wake() } }
        try Self.start(health)
    }

    /// Servers that nobody checks any more are not down.
    private func settle(_ former: HealthChecker?) {
        let checked = Set((health?.plans ?? []).flatMap(\.servers).map(\.number))
        for server in (former?.plans ?? []).flatMap(\.servers) where !checked.contains(server.number) {
            if roster.states[server.number].isDown { roster.states.comeUp(server.number, at: Clock.nowMillis()) }
        }
    }

    /// What would change, and how many connections that touches.
    package func difference(to next: ServeConfiguration) -> ConfigurationDifference {
        ConfigurationDifference(from: configuration, to: next, flows: flows)
    }

    private var flows: ConfigurationDifference.Flows {
        ConfigurationDifference.Flows(
            ofListener: { [roster] in roster.connections(ofListener: $0) },
            ofServer: { [roster] pool, server in
                let servers = roster.pool(pool)?.servers ?? []
                return servers.filter { server.map(\.description).contains($0.address.description) }
                    .reduce(0) { $0 + Int($1.number.map { roster.states[Int($0)].connections } ?? 0) }
            })
    }

    deinit {
        removeFiles()
        health?.stop()
        workers.stop()
        accessLog?.close(withinMillis: Self.accessLogPatienceMillis)
    }

    // MARK: Orders

    /// No more connections; those that are here may end by themselves.
    package func drain() { workers.give(.drain) }
    /// Ends the connections that are left.
    package func cut() { workers.give(.cut) }
    /// Leaves at once.
    package func stop() { workers.give(.stop) }
    /// Every worker has served its last connection.
    package var isDone: Bool { workers.haveLeft }
    /// The files of UNIX listeners; the sockets themselves go with the process.
    package func removeFiles() { for one in sockets.values { one.file?.remove() } }
    /// Where it listens, with the real ports.
    package var addresses: [SocketAddress] { order.compactMap { sockets[$0]?.address } }
    /// Counts what was adopted since the start.
    package var generation: UInt64 { roster.generation }
    /// Every worker goes by that generation.
    package var hasSettled: Bool { workers.generation >= roster.generation }

    // MARK: The access log

    /// How long the end waits for a sink that takes nothing.
    private static let accessLogPatienceMillis: Int64 = 2_000

    package var hasAccessLog: Bool { accessLog != nil }
    package func reopenAccessLog() { accessLog?.reopen() }
    package func takeAccessLogNews() -> AccessLogNews { accessLog?.takeNews() ?? AccessLogNews() }

    /// Writes what is queued, once every worker has left. Returns how many records it could not write in time.
    package func closeAccessLog() -> UInt64 {
        guard let accessLog else { return 0 }
        accessLog.close(withinMillis: Self.accessLogPatienceMillis)
        return totals[.records] &- accessLog.recordsWritten
    }

    /// Takes over new versions of the fallback files.
    package func renewFallbacks(_ log: Logger) { fallbacks.renew(log) }

    // MARK: Counters

    /// Of all workers, without the embedded echo server.
    package var totals: Totals { Totals(workers.boards) }

    /// The servers of all pools, by their numbers; of a number that is free, the server that had it last.
    package var upstreams: [SocketAddress] { roster.servers }
    package var serverStates: ServerStates { roster.states }
    /// What workers know of a pool; nil for one that never was.
    package func pool(_ name: String) -> PoolSettings? { roster.pool(name) }
    /// Of each server of each pool of the configuration.
    var serverAddresses: [[[SocketAddress]]] { places.servers(configuration, echo: echo?.address) }
    /// Where each listener listens, by their names.
    var listenerAddresses: [(name: String, addresses: [SocketAddress])] {
        configuration.listeners.map { listener in
            (listener.name, order.compactMap { sockets[$0] }.filter { $0.bind.name == listener.name }.map(\.address))
        }
    }

    /// Nil where no server is checked.
    package var healthCounts: HealthCounts? { health?.counts }
    /// Why the last check of a server that failed did so.
    package func checkFailure(of server: Int) -> String? { health?.failure(of: server) }

    /// How often connecting to each upstream has failed, by cause.
    package var connectFailures: ConnectFailures {
        var failures = allConnectFailures
        failures.leaveOut(failuresOfOthers)
        return failures
    }

    private var allConnectFailures: ConnectFailures {
        ConnectFailures(workers.boards, upstreamCount: upstreams.count)
    }

    // MARK: Starting

    private static func plans(_ configuration: ServeConfiguration, _ roster: Roster) -> [HealthPlan] {
        configuration.pools.compactMap { pool in roster.pool(pool.name).flatMap { HealthPlan(pool, $0) } }
    }

    private static func checker(
        _ configuration: ServeConfiguration, _ roster: Roster, after former: HealthChecker?,
        wakeWorkers: @escaping @Sendable () -> Void
    ) throws(Refusal) -> HealthChecker? {
        do throws(SystemError) {
            return try HealthChecker(
                plans(configuration, roster), roster.states, after: former, wakeWorkers: wakeWorkers)
        } catch {
            throw Refusal(
                .failure, "health checks cannot be set up: \(error); raise the limit with ulimit -n (LimitNOFILE=)")
        }
    }

    private static func start(_ health: HealthChecker?) throws(Refusal) {
        do throws(SystemError) {
            try health?.start()
        } catch {
            throw Refusal(.failure, "the thread of health checks cannot be started: \(error); free memory")
        }
    }

    /// What would fail each connection: better no start.
    private static func tryOut(_ configuration: ServeConfiguration) throws(Refusal) {
        for source in configuration.pools.flatMap(\.sources) { try tryBinding(source) }
        for listener in configuration.listeners { try SocketOption.tryOut(listener.options) }
        for pool in configuration.pools { try SocketOption.tryOut(pool.options) }
    }

    /// A source that cannot be bound would fail each connection: better no start.
    private static func tryBinding(_ placed: Placed<SocketAddress>) throws(Refusal) {
        let source = placed.value
        do throws(SystemError) {
            let socket = OwnedDescriptor(try checked(clinux_socket(source.family), "socket"))
            let bound = source.withBytes { clinux_bind_without_port(socket.number, $0.baseAddress, source.length) }
            _ = try checked(bound, "bind")
        } catch {
            throw Refusal(
                .failure, at: placed.origin, value: source.host,
                ValueProblem("cannot be bound: \(error)", cure: "see `ip address` for this machine's addresses"))
        }
    }

    /// The number of each socket, in the places' order.
    private static func openings(
        _ places: Places, _ roster: Roster, _ open: [SocketKey: OpenSocket]
    ) throws(Refusal) -> [Opening] {
        var openings: [Opening] = []
        for (key, bind, place) in places.sockets {
            openings.append(
                Opening(
                    number: try roster.number(of: bind.name, at: key),
                    address: open[key]?.address ?? bind.addresses[place], listener: bind.listener))
        }
        return openings
    }

    /// A socket that was just opened.
    private struct Bound {
        let key: SocketKey
        let bind: Places.Bind
        let listener: BoundListener
    }

    /// Those that are not open yet, in the places' order. Throws what stands in the way, and none is left open then.
    private static func bind(
        _ places: Places, without open: [SocketKey: OpenSocket], workers: Int
    ) throws(Refusal) -> [Bound] {
        var all: [Bound] = []
        for (key, bind, place) in places.sockets where open[key] == nil {
            let address = bind.addresses[place]
            do throws(ValueProblem) {
                let listener =
                    bind.inherited.isEmpty
                    ? try BoundListener(
                        address, workers: workers, backlog: bind.backlog, options: bind.options, mode: bind.mode)
                    : try BoundListener(
                        inheriting: bind.inherited[place], address, workers: workers, options: bind.options)
                all.append(Bound(key: key, bind: bind, listener: listener))
            } catch {
                for one in all { one.listener.file?.remove() }
                throw Refusal(.failure, at: bind.endpoint.origin, value: bind.endpoint.value.text, error)
            }
        }
        return all
    }
}
