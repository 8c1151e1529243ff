import DataPlane
import LinuxCalls

/// Workers with their engines, standing and not yet serving.
struct Launch {
    let decision: EngineDecision
    /// In the order of their indices, the embedded echo server last.
    let upstreams: [SocketAddress]
    let workers: WorkerGroup
    let echo: EmbeddedEcho?

    /// Where the rings cannot all be made, `--engine auto` goes on with epoll.
    /// - Parameters:
    ///   - records: a queue for each worker, or none at all.
    ///   - fallback: must outlive the workers.
    init(
        _ configuration: ServeConfiguration, _ limit: DescriptorLimit, _ decision: EngineDecision, _ machine: Machine,
        _ resolved: [SocketAddress], records: [RecordQueue], fallback: FallbackFile?
    ) throws(Refusal) {
        do throws(SystemError) {
            try self.init(starting: configuration, limit, decision, machine, resolved, records, fallback)
        } catch {
            guard case .uring(let ring) = decision.choice else { throw Self.refusal(error) }
            let obstacle = UringObstacle(error, ring, disabled: machine.uringDisabled)
            guard configuration.engine == .auto else { throw EngineDecision.refusal(obstacle) }
            let epoll = EngineDecision(fallingBackTo: limit.descriptors, ring, obstacle)
            do throws(SystemError) {
                try self.init(starting: configuration, limit, epoll, machine, resolved, records, fallback)
            } catch {
                throw Self.refusal(error)
            }
        }
    }

    private init(
        starting configuration: ServeConfiguration, _ limit: DescriptorLimit, _ decision: EngineDecision,
        _ machine: Machine, _ resolved: [SocketAddress], _ records: [RecordQueue], _ fallback: FallbackFile?
    ) throws(SystemError) {
        var settings = WorkerSettings(target: .upstreams(resolved))
        settings.timeouts = configuration.timeouts
        settings.sources = configuration.sources
        settings.fallback = fallback?.descriptor ?? -1
        settings.connectionsMax = limit.connections
        settings.spinNanoseconds = Int64(configuration.spinMicros) * 1_000
        settings.relay = RelayRules(policy: configuration.relay.policy)
        settings.pipeBytes = UInt32(configuration.pipeBytes)
        settings.chunkBytes = UInt32(configuration.chunkBytes)
        settings.clients = configuration.maxConnectionsPerClient.map {
            ClientTable(
                connectionsMax: $0,
                clients: limit.connections + WorkerSettings.acceptedInExcessMax * configuration.workers)
        }

        var upstreams = resolved
        var echo: EmbeddedEcho?
        let echoCount = configuration.upstreams.count(where: \.isEcho)
        if echoCount > 0 {
            var echoSettings = settings
            echoSettings.connectionsMax += WorkerSettings.acceptedInExcessMax * configuration.workers
            let server = try EmbeddedEcho(decision.choice, echoSettings, backlog: configuration.backlog)
            upstreams += Array(repeating: server.address, count: echoCount)
            echo = server
        }
        settings.target = .upstreams(upstreams)
        workers = try WorkerGroup(
            count: configuration.workers, decision.choice, settings, records: records, pinnedTo: machine.processors)
        self.echo = echo
        self.upstreams = upstreams
        self.decision = decision
    }

    private static func refusal(_ error: SystemError) -> Refusal {
        let cure =
            switch -error.code {
            case Errno.tooManyInProcess, Errno.tooManyInSystem: "raise the limit with ulimit -n (LimitNOFILE=)"
            default: "lower --max-connections or --workers, or free memory"
            }
        return Refusal(.failure, "a worker cannot be started: \(error); \(cure)")
    }
}
