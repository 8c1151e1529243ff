import DataPlane
import LinuxCalls

/// Workers with their engines, standing and not yet serving.
struct Launch {
    let decision: EngineDecision
    let workers: WorkerGroup
    let echo: EmbeddedEcho?

    /// Where the rings cannot all be made, `--engine auto` goes on with epoll.
    /// - Parameters:
    ///   - records: a queue for each worker, or none at all.
    ///   - isChangeable: whether pools and listeners may change later.
    ///   - pools: what the workers are to know, given the address of the embedded echo server, where there is one.
    init(
        _ configuration: ServeConfiguration, _ limit: DescriptorLimit, _ decision: EngineDecision, _ machine: Machine,
        records: [RecordQueue], isChangeable: Bool, _ pools: (SocketAddress?) -> PoolSet
    ) throws(Refusal) {
        do throws(SystemError) {
            try self.init(starting: configuration, limit, decision, machine, records, isChangeable, pools)
        } catch {
            guard case .uring(let ring) = decision.choice else { throw Self.refusal(error, configuration.names) }
            let obstacle = UringObstacle(
                error, ring, disabled: machine.uringDisabled, names: configuration.names)
            guard configuration.engine == .auto else {
                throw EngineDecision.refusal(obstacle, configuration.engineOrigin)
            }
            let epoll = EngineDecision(fallingBackTo: limit.descriptors, ring, obstacle)
            do throws(SystemError) {
                try self.init(starting: configuration, limit, epoll, machine, records, isChangeable, pools)
            } catch {
                throw Self.refusal(error, configuration.names)
            }
        }
    }

    private init(
        starting configuration: ServeConfiguration, _ limit: DescriptorLimit, _ decision: EngineDecision,
        _ machine: Machine, _ records: [RecordQueue], _ isChangeable: Bool, _ pools: (SocketAddress?) -> PoolSet
    ) throws(SystemError) {
        var settings = WorkerSettings(target: .echo)
        settings.connectionsMax = limit.connections
        settings.spinNanoseconds = Int64(configuration.spinMicros) * 1_000
        settings.relay = RelayRules(policy: configuration.relay.policy)
        settings.pipeBytes = UInt32(configuration.pipeBytes)
        settings.chunkBytes = UInt32(configuration.chunkBytes)
        settings.isChangeable = isChangeable
        settings.clients = configuration.maxConnectionsPerClient.map {
            ClientTable(connectionsMax: $0, clients: limit.clients(workers: configuration.workers))
        }

        if configuration.hasEcho {
            var echoSettings = settings
            echoSettings.isChangeable = false
            echoSettings.connectionsMax += WorkerSettings.acceptedInExcessMax * configuration.workers
            // Whoever connects to it has an end of its own.
            echoSettings.timeouts = configuration.longestTimeouts
            echo = try EmbeddedEcho(decision.choice, echoSettings, backlog: Int32(configuration.backlogMax))
        } else {
            echo = nil
        }
        settings.target = .pools(pools(echo?.address))
        workers = try WorkerGroup(
            count: configuration.workers, decision.choice, settings, records: records, pinnedTo: machine.processors)
        self.decision = decision
    }

    private static func refusal(_ error: SystemError, _ names: ValueNames) -> Refusal {
        let cure =
            switch -error.code {
            case Errno.tooManyInProcess, Errno.tooManyInSystem: "raise the limit with ulimit -n (LimitNOFILE=)"
            default: "lower \(names.maxConnections) or \(names.workers), or free memory"
            }
        return Refusal(.failure, "a worker cannot be started: \(error); \(cure)")
    }
}
