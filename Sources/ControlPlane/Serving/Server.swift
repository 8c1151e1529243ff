import CLinux
import DataPlane
import LinuxCalls
import Logging

/// Everything that serves: engines, workers, listeners, and the embedded echo server. It is started by being made.
///
/// Signals and the time are the supervisor's business; a test can run a server without either.
package final class Server {
    /// Where it listens, with the real ports.
    package let addresses: [SocketAddress]
    package let engineName: String
    private let pools: PoolSet
    private let workers: WorkerGroup
    /// Outlives the workers, who are its clients.
    private let echo: EmbeddedEcho?
    private let files: [SocketFile]
    private let accessLog: AccessLog?
    private let fallbacks: FallbackFiles

    /// Starts in an order in which nothing has to be taken back: limits, engine, names, workers, and ports last.
    ///
    /// Throws one sentence on what stands in the way; nothing is left behind then. Logs what was chosen once all stands.
    /// - Parameter inherited: sockets that this process was started with.
    package init(
        _ configuration: ServeConfiguration, on machine: Machine,
        inherited: InheritedSockets = InheritedSockets { _ in nil }, log: Logger
    ) throws(Refusal) {
        let limits = Limits(
            workers: configuration.workers, listeners: configuration.bindCount, hasEcho: configuration.hasEcho)
        let limit = try DescriptorLimit(
            configuration.maxConnections, at: configuration.maxConnectionsOrigin, limits, machine.descriptors)
        let decision = try EngineDecision(
            configuration.engine, at: configuration.engineOrigin, configuration.ring, descriptors: limit.descriptors,
            disabled: machine.uringDisabled, names: configuration.names)
        let places = try Places(configuration, inherited)
        for source in configuration.pools.flatMap(\.sources) { try Self.tryBinding(source) }
        for listener in configuration.listeners { try SocketOption.tryOut(listener.options) }
        for pool in configuration.pools { try SocketOption.tryOut(pool.options) }
        let fallbacks = try FallbackFiles(configuration.pools)
        let accessLog = try configuration.accessLog.map { place throws(Refusal) in
            try AccessLog(
                place, configuration.accessLogFormat, at: configuration.accessLogOrigin, workers: configuration.workers)
        }
        let launch = try Launch(
            configuration, limit, decision, machine, places, records: accessLog?.queues ?? [], fallbacks)
        let listeners = try Self.bind(places.binds, workers: configuration.workers)
        do throws(Refusal) {
            try accessLog?.start(
                listeners: listeners.map { "\($0.address)" }, upstreams: launch.pools.servers.map { "\($0)" },
                engine: launch.decision.choice.name, relay: configuration.relay.rawValue)
        } catch {
            for listener in listeners { listener.file?.remove() }
            throw error
        }

        addresses = listeners.map(\.address)
        files = listeners.compactMap(\.file)
        engineName = launch.decision.choice.name
        pools = launch.pools
        workers = launch.workers
        echo = launch.echo
        self.accessLog = accessLog
        self.fallbacks = fallbacks
        workers.serve(listeners)
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

    deinit {
        removeFiles()
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
    package func removeFiles() { for file in files { file.remove() } }

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

    /// The servers of all pools, by their numbers.
    package var upstreams: [SocketAddress] { pools.servers }
    package var serverStates: ServerStates { pools.states }

    /// How often connecting to each upstream has failed, by cause.
    package var connectFailures: ConnectFailures { ConnectFailures(workers.boards, upstreamCount: upstreams.count) }

    // MARK: Starting

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

    private static func bind(_ binds: [Places.Bind], workers: Int) throws(Refusal) -> [BoundListener] {
        var all: [BoundListener] = []
        for bind in binds {
            do throws(ValueProblem) {
                for (index, address) in bind.addresses.enumerated() {
                    all.append(
                        bind.inherited.isEmpty
                            ? try BoundListener(
                                address, workers: workers, backlog: bind.backlog, options: bind.options, mode: bind.mode
                            )
                            : try BoundListener(
                                inheriting: bind.inherited[index], address, workers: workers, options: bind.options))
                }
            } catch {
                for listener in all { listener.file?.remove() }
                throw Refusal(.failure, at: bind.endpoint.origin, value: bind.endpoint.value.text, error)
            }
        }
        return all
    }
}
