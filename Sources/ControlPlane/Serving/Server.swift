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
    package let upstreams: [SocketAddress]
    private let workers: WorkerGroup
    /// Outlives the workers, who are its clients.
    private let echo: EmbeddedEcho?
    private let files: [SocketFile]
    private let accessLog: AccessLog?
    private let fallback: FallbackFile?

    /// Starts in an order in which nothing has to be taken back: limits, engine, names, workers, and ports last.
    ///
    /// Throws one sentence on what stands in the way; nothing is left behind then. Logs what was chosen once all stands.
    package init(_ configuration: ServeConfiguration, on machine: Machine, log: Logger) throws(Refusal) {
        let limits = Limits(
            workers: configuration.workers, listeners: configuration.listen.count, hasEcho: configuration.hasEcho)
        let limit = try DescriptorLimit(configuration.maxConnections, limits, machine.descriptors)
        let decision = try EngineDecision(
            configuration.engine, configuration.ring, descriptors: limit.descriptors, disabled: machine.uringDisabled)
        let places = try configuration.listen.map { endpoint throws(Refusal) in
            (endpoint, try Self.resolve(endpoint, "--listen"))
        }
        let targets = try configuration.upstreams.map { upstream throws(Refusal) in
            (upstream, try Self.addresses(of: upstream))
        }
        for source in configuration.sources { try Self.tryBinding(source) }
        let fallback = try configuration.fallbackPath.map { path throws(Refusal) in try Self.fallbackFile(path) }
        let accessLog = try configuration.accessLog.map { place throws(Refusal) in
            try AccessLog(place, configuration.accessLogFormat, workers: configuration.workers)
        }
        let launch = try Launch(
            configuration, limit, decision, machine, targets.flatMap(\.1), records: accessLog?.queues ?? [],
            fallback: fallback)
        let listeners = try Self.bind(places, configuration)
        do throws(Refusal) {
            try accessLog?.start(
                listeners: listeners.map { "\($0.address)" }, upstreams: launch.upstreams.map { "\($0)" },
                engine: launch.decision.choice.name, relay: configuration.relay.rawValue)
        } catch {
            for listener in listeners { listener.file?.remove() }
            throw error
        }

        addresses = listeners.map(\.address)
        files = listeners.compactMap(\.file)
        engineName = launch.decision.choice.name
        upstreams = launch.upstreams
        workers = launch.workers
        echo = launch.echo
        self.accessLog = accessLog
        self.fallback = fallback
        workers.serve(listeners)
        let report = StartReport(configuration, machine, limits, limit, launch.decision)
        report.log(to: log)
        for (upstream, addresses) in targets { report.logUpstream(upstream, addresses, to: log) }
        if let fallback { log.info("fallback file", metadata: Self.metadata(of: fallback)) }
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

    // MARK: The fallback file

    /// Takes over a new version of it, and tells of that or of what stands in the way.
    package func renewFallback(_ log: Logger) {
        guard let fallback, let news = fallback.look() else { return }
        switch news {
        case .renewed: log.info("fallback file read anew", metadata: Self.metadata(of: fallback))
        case .recovered: log.info("fallback file is there again", metadata: Self.metadata(of: fallback))
        case .trouble(let problem):
            log.warning(
                "--fallback-file \(Escape.value(fallback.path)) \(problem.reason), and the version read before is sent on; \(problem.cure)"
            )
        }
    }

    private static func fallbackFile(_ path: String) throws(Refusal) -> FallbackFile {
        do throws(ValueProblem) {
            return try FallbackFile(path)
        } catch {
            throw Refusal(.failure, flag: "--fallback-file", value: path, error)
        }
    }

    private static func metadata(of fallback: FallbackFile) -> Logger.Metadata {
        ["path": "\(fallback.path)", "bytes": "\(fallback.bytes)"]
    }

    // MARK: Counters

    /// Of all workers, without the embedded echo server.
    package var totals: Totals { Totals(workers.boards) }

    /// How often connecting to each upstream has failed, by cause.
    package var connectFailures: ConnectFailures { ConnectFailures(workers.boards, upstreamCount: upstreams.count) }

    // MARK: Starting

    private static func resolve(_ endpoint: Endpoint, _ flag: String) throws(Refusal) -> [SocketAddress] {
        do throws(ValueProblem) {
            return try Resolver.addresses(of: endpoint)
        } catch {
            throw Refusal(.failure, flag: flag, value: endpoint.text, error)
        }
    }

    private static func addresses(of upstream: Upstream) throws(Refusal) -> [SocketAddress] {
        switch upstream {
        case .echo: []
        case .endpoint(let endpoint): try resolve(endpoint, "--upstream")
        }
    }

    /// A source that cannot be bound would fail each connection: better no start.
    private static func tryBinding(_ source: SocketAddress) throws(Refusal) {
        do throws(SystemError) {
            let socket = OwnedDescriptor(try checked(clinux_socket(source.family), "socket"))
            let bound = source.withBytes { clinux_bind_without_port(socket.number, $0.baseAddress, source.length) }
            _ = try checked(bound, "bind")
        } catch {
            throw Refusal(
                .failure, flag: "--source", value: source.host,
                ValueProblem("cannot be bound: \(error)", cure: "see `ip address` for this machine's addresses"))
        }
    }

    private static func bind(
        _ places: [(Endpoint, [SocketAddress])], _ configuration: ServeConfiguration
    ) throws(Refusal) -> [BoundListener] {
        var all: [BoundListener] = []
        for (endpoint, addresses) in places {
            do throws(ValueProblem) {
                for address in addresses {
                    all.append(
                        try BoundListener(address, workers: configuration.workers, backlog: configuration.backlog))
                }
            } catch {
                for listener in all { listener.file?.remove() }
                throw Refusal(.failure, flag: "--listen", value: endpoint.text, error)
            }
        }
        return all
    }
}
