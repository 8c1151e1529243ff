import DataPlane
import LinuxCalls

/// Workers with their engines, standing and not yet serving.
struct Launch {
    let decision: EngineDecision
    let pools: PoolSet
    let workers: WorkerGroup
    let echo: EmbeddedEcho?

    /// Where the rings cannot all be made, `--engine auto` goes on with epoll.
    /// - Parameters:
    ///   - records: a queue for each worker, or none at all.
    ///   - fallbacks: must outlive the workers.
    init(
        _ configuration: ServeConfiguration, _ limit: DescriptorLimit, _ decision: EngineDecision, _ machine: Machine,
        _ places: Places, records: [RecordQueue], _ fallbacks: FallbackFiles
    ) throws(Refusal) {
        do throws(SystemError) {
            try self.init(starting: configuration, limit, decision, machine, places, records, fallbacks)
        } catch {
            guard case .uring(let ring) = decision.choice else { throw Self.refusal(error, configuration.names) }
            let obstacle = UringObstacle(
                error, ring, disabled: machine.uringDisabled, names: configuration.names)
            guard configuration.engine == .auto else {
                throw EngineDecision.refusal(obstacle, configuration.engineOrigin)
            }
            let epoll = EngineDecision(fallingBackTo: limit.descriptors, ring, obstacle)
            do throws(SystemError) {
                try self.init(starting: configuration, limit, epoll, machine, places, records, fallbacks)
            } catch {
                throw Self.refusal(error, configuration.names)
            }
        }
    }

    private init(
        starting configuration: ServeConfiguration, _ limit: DescriptorLimit, _ decision: EngineDecision,
        _ machine: Machine, _ places: Places, _ records: [RecordQueue], _ fallbacks: FallbackFiles
    ) throws(SystemError) {
        var settings = WorkerSettings(target: .echo)
        settings.connectionsMax = limit.connections
        settings.spinNanoseconds = Int64(configuration.spinMicros) * 1_000
        settings.relay = RelayRules(policy: configuration.relay.policy)
        settings.pipeBytes = UInt32(configuration.pipeBytes)
        settings.chunkBytes = UInt32(configuration.chunkBytes)
        let clients = limit.connections + WorkerSettings.acceptedInExcessMax * configuration.workers
        settings.clients = configuration.maxConnectionsPerClient.map {
            ClientTable(connectionsMax: $0, clients: clients)
        }

        if configuration.hasEcho {
            var echoSettings = settings
            echoSettings.connectionsMax += WorkerSettings.acceptedInExcessMax * configuration.workers
            // Whoever connects to it has an end of its own.
            echoSettings.timeouts = configuration.longestTimeouts
            echo = try EmbeddedEcho(decision.choice, echoSettings, backlog: Int32(configuration.backlogMax))
        } else {
            echo = nil
        }
        let set = places.poolSet(configuration, echo: echo?.address, clients: clients, fallbacks)
        settings.target = .pools(set)
        workers = try WorkerGroup(
            count: configuration.workers, decision.choice, settings, records: records, pinnedTo: machine.processors)
        pools = set
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
