import DataPlane
import LinuxCalls
import Logging

/// What was chosen at start, why, and what will bind first.
struct StartReport {
    private let configuration: ServeConfiguration
    private let machine: Machine
    private let limits: Limits
    private let limit: DescriptorLimit
    private let decision: EngineDecision

    init(
        _ configuration: ServeConfiguration, _ machine: Machine, _ limits: Limits, _ limit: DescriptorLimit,
        _ decision: EngineDecision
    ) {
        self.configuration = configuration
        self.machine = machine
        self.limits = limits
        self.limit = limit
        self.decision = decision
    }

    func log(to log: Logger) {
        if let fallback = decision.fallback { log.warning("\(fallback)") }
        log.info("\(Version.sentence) starts", metadata: engine)
        logConnections(to: log)
        warnOfFastOpen(log)
        logPipes(to: log)
        logAccess(to: log)
    }

    func logUpstream(_ upstream: Upstream, _ addresses: [SocketAddress], to log: Logger) {
        guard case .endpoint(let endpoint) = upstream, endpoint.isName else { return }
        log.info("upstream \(endpoint.text) is \(addresses.map(\.description).joined(separator: ", "))")
    }

    private var engine: Logger.Metadata {
        var values: Logger.Metadata = [
            "engine": "\(decision.choice.name)", "relay": "\(configuration.relay)",
            "workers": "\(configuration.workers)",
        ]
        if case .uring(let ring) = decision.choice {
            values["ring_depth"] = "\(ring.ringDepth)"
            values["cq_depth"] = "\(ring.completionDepth)"
            values["iowq_workers"] = "\(ring.workQueueThreads)"
            values["ring_taskrun"] = "\(ring.taskRun.rawValue)"
        }
        return values
    }

    private func logConnections(to log: Logger) {
        let names = configuration.names
        let bound =
            configuration.maxConnections == nil
            ? "RLIMIT_NOFILE \(machine.descriptors.hard)" : names.maxConnections
        log.info("at most \(limit.connections) connections at a time, bound by \(bound)")
        if let queue = machine.acceptQueueMax, queue < configuration.backlogMax {
            log.info("accept queues are \(queue) long, bound by net.core.somaxconn")
        }
        guard case .uring(let ring) = decision.choice else { return }
        let answers = Limits.answersAtOnce(connections: limit.connections)
        if answers > Int(ring.completionDepth) {
            log.info(
                "\(names.completionDepth) \(ring.completionDepth) is less than the \(answers) answers that could come at once; the kernel would keep the rest"
            )
        }
    }

    /// The kernel accepts the option and does nothing with it unless its switch has bit 2 set (ip-sysctl).
    private func warnOfFastOpen(_ log: Logger) {
        let isWanted = configuration.listeners.contains { $0.options.contains { $0.value.isFastOpen } }
        guard isWanted, let mode = machine.fastOpen, mode & 2 == 0 else { return }
        log.warning(
            "net.ipv4.tcp_fastopen is \(mode), so no data comes with a SYN; set it to \(mode | 3), or leave tcp_fastopen out"
        )
    }

    private func logAccess(to log: Logger) {
        if let most = configuration.maxConnectionsPerClient {
            log.info("at most \(most) connections of one client at a time, by IPv4 address or IPv6 /64")
        }
        guard let place = configuration.accessLog else { return }
        log.info(
            "access log",
            metadata: [
                "to": "\(place.text)", "format": "\(configuration.accessLogFormat.rawValue)",
                "queue_records": "\(RecordQueue.capacity)",
            ])
    }

    private func logPipes(to log: Logger) {
        let wanted = configuration.pipeBytes
        let granted = PipeTrial.granted(wanted)
        log.info(
            "pipes",
            metadata: [
                "asked": "\(ByteSize(bytes: wanted))",
                "granted": "\(granted.map { ByteSize(bytes: $0).description } ?? "none")",
                "chunk": "\(ByteSize(bytes: configuration.chunkBytes))",
            ])
        let quota = Limits.pipesWithinQuota(
            pages: machine.pipePagesSoft, pageBytes: Machine.pageBytes, pipeBytes: max(wanted, granted ?? 0),
            isExempt: machine.isExemptFromPipeQuota)
        let pipes = limits.pipes(for: limit.connections)
        if let quota, quota < pipes {
            log.warning(
                "fs.pipe-user-pages-soft allows \(quota) full-size pipes, fewer than the \(pipes) that could be in use at once; the bytes of the others are copied"
            )
        }
    }
}
