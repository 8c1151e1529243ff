import DataPlane
import LinuxCalls
import Logging

extension ServeConfiguration {
    /// Reads flags, fills in defaults, and checks how the values relate.
    ///
    /// Throws the first thing that is wrong, always a usage error.
    /// - Parameters:
    ///   - workersByDefault: the workers where `--workers` is not given.
    ///   - pipeBytesMax: the largest pipe this process may ask for.
    package init(_ flags: ServeFlags, workersByDefault: Int, pipeBytesMax: Int) throws(Refusal) {
        var listener = ListenerConfiguration("listen", bind: try Self.listeners(flags.listen))
        listener.backlog = Int32(
            try FlagReading.number(flags.backlog, "--backlog", Bounds.backlog) ?? Int(listener.backlog))
        for text in flags.acceptProxy {
            let source = try FlagReading.read(text, "--accept-proxy", ProxySource.parse)
            if let block = source?.block { listener.proxies.append(block) } else { listener.hasUNIXProxies = true }
        }
        self.init(listeners: [listener], pools: [try Self.pool(flags)])
        engine = try FlagReading.choice(flags.engine, "--engine") ?? engine
        relay = try FlagReading.choice(flags.relay, "--relay") ?? relay
        workers = try FlagReading.number(flags.workers, "--workers", Bounds.workers) ?? workersByDefault
        maxConnections = try FlagReading.number(flags.maxConnections, "--max-connections", Bounds.connections)
        maxConnectionsPerClient = try FlagReading.number(
            flags.maxConnectionsPerClient, "--max-connections-per-client", Bounds.connections)
        try readRing(flags)
        try readPipes(flags, pipeBytesMax)
        try readBuffers(flags)
        try readTimes(flags)
        logFormat = try FlagReading.choice(flags.logFormat, "--log-format") ?? logFormat
        logLevel = try FlagReading.choice(flags.logLevel, "--log-level") ?? logLevel
        try readAccessLog(flags)
        control = try FlagReading.read(flags.control, "--control", ControlSettings.path)
            .map { ControlSettings(Placed($0, at: .flag("--control"))) }
    }

    private mutating func readAccessLog(_ flags: ServeFlags) throws(Refusal) {
        let place = try FlagReading.read(flags.accessLog, "--access-log") { value throws(ValueProblem) in
            try AccessLogPlace(value)
        }
        let format = try FlagReading.choice(flags.accessLogFormat, "--access-log-format", AccessLogFormat.self)
        do throws(ValueProblem) {
            try setAccessLog(place, format: format)
        } catch {
            throw Refusal(.usage, flag: "--access-log-format", value: format?.rawValue ?? "", error)
        }
    }

    private static func listeners(_ texts: [String]) throws(Refusal) -> [Placed<Endpoint>] {
        guard !texts.isEmpty else {
            throw Refusal(.usage, "--listen is missing; say where to accept, e.g. --listen 0.0.0.0:8080")
        }
        var all: [Placed<Endpoint>] = []
        for text in texts {
            let endpoint = try FlagReading.read(text, "--listen") { value throws(ValueProblem) in
                try Endpoint(value, ports: Bounds.portsToListen, inherits: true)
            }
            if let endpoint { all.append(Placed(endpoint, at: .flag("--listen"))) }
        }
        return all
    }

    /// All flags that are about upstreams make one pool.
    private static func pool(_ flags: ServeFlags) throws(Refusal) -> PoolConfiguration {
        var pool = PoolConfiguration("upstream", servers: try servers(flags.upstream))
        pool.balance = try FlagReading.read(flags.balance, "--balance", Balance.parse) ?? pool.balance
        pool.sources = try sources(flags.source)
        pool.fallback = try FlagReading.read(flags.fallbackFile, "--fallback-file", FilePath.parse)
            .map { Placed($0, at: .flag("--fallback-file")) }
        pool.header = try FlagReading.read(flags.sendProxy, "--send-proxy", HeaderRules.Version.parse)
            .map { HeaderRules($0) }
        var timeouts = pool.timeouts
        timeouts.connectMillis =
            try FlagReading.time(flags.connectTimeout, "--connect-timeout") ?? timeouts.connectMillis
        timeouts.idleMillis = try FlagReading.time(flags.idleTimeout, "--idle-timeout") ?? timeouts.idleMillis
        timeouts.finMillis = try FlagReading.time(flags.finTimeout, "--fin-timeout") ?? timeouts.finMillis
        pool.timeouts = timeouts
        return pool
    }

    private static func servers(_ texts: [String]) throws(Refusal) -> [ServerConfiguration] {
        guard !texts.isEmpty else {
            throw Refusal(.usage, "--upstream is missing; say where to connect, e.g. --upstream 192.0.2.1:80")
        }
        guard texts.count <= upstreamsMax else {
            throw Refusal(.usage, "--upstream is given \(texts.count) times; \(upstreamsMax) is the most")
        }
        var all: [ServerConfiguration] = []
        for text in texts {
            let upstream = try FlagReading.read(text, "--upstream") { value throws(ValueProblem) in try Upstream(value)
            }
            if let upstream { all.append(ServerConfiguration(Placed(upstream, at: .flag("--upstream")))) }
        }
        return all
    }

    private static func sources(_ texts: [String]) throws(Refusal) -> [Placed<SocketAddress>] {
        guard texts.count <= sourcesMax else {
            throw Refusal(.usage, "--source is given \(texts.count) times; \(sourcesMax) is the most")
        }
        var all: [Placed<SocketAddress>] = []
        for text in texts {
            let address = try FlagReading.read(text, "--source", SocketAddress.source)
            if let address { all.append(Placed(address, at: .flag("--source"))) }
        }
        return all
    }

    private mutating func readRing(_ flags: ServeFlags) throws(Refusal) {
        let depth = try FlagReading.number(flags.ringDepth, "--ring-depth", Bounds.ringDepth)
        let completions = try FlagReading.number(flags.completionDepth, "--cq-depth", Bounds.completionDepth)
        do throws(ValueProblem) {
            try setDepths(depth, completions: completions)
        } catch {
            throw Refusal(.usage, flag: "--cq-depth", value: flags.completionDepth ?? "", error)
        }
        ring.workQueueThreads =
            try FlagReading.number(flags.workQueueThreads, "--iowq-workers", Bounds.workQueueThreads)
            .map { UInt32($0) } ?? ring.workQueueThreads
        ring.taskRun = try FlagReading.choice(flags.taskRun, "--ring-taskrun") ?? ring.taskRun
    }

    private mutating func readPipes(_ flags: ServeFlags, _ pipeBytesMax: Int) throws(Refusal) {
        let size = try FlagReading.read(flags.pipeSize, "--pipe-size") { value throws(ValueProblem) in
            try ByteSize.ofPipe(value, pipeBytesMax)
        }
        let chunk = try FlagReading.size(flags.chunkSize, "--chunk-size", Bounds.chunk)
        do throws(ValueProblem) {
            try setPipes(size, chunk: chunk, pipeBytesMax: pipeBytesMax)
        } catch {
            throw Refusal(.usage, flag: "--chunk-size", value: flags.chunkSize ?? "", error)
        }
    }

    private mutating func readBuffers(_ flags: ServeFlags) throws(Refusal) {
        setBuffers(
            bytes: try FlagReading.size(flags.bufferSize, "--buffer-size", Bounds.buffer),
            count: try FlagReading.number(flags.buffers, "--buffers", Bounds.buffers))
        spinMicros = try FlagReading.number(flags.spinMicros, "--spin-micros", Bounds.spin) ?? spinMicros
    }

    private mutating func readTimes(_ flags: ServeFlags) throws(Refusal) {
        drainMillis = try FlagReading.time(flags.drainTimeout, "--drain-timeout") ?? drainMillis
        statsMillis = try FlagReading.time(flags.stats, "--stats", atLeast: Bounds.shortestStats)
    }
}
