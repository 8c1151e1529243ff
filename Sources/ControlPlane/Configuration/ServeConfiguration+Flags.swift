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
        listener.backlog = Int32(try FlagReading.number(flags.backlog, "--backlog", 1...65_535) ?? 4096)
        self.init(listeners: [listener], pools: [try Self.pool(flags)])
        engine = try FlagReading.choice(flags.engine, "--engine") ?? engine
        relay = try FlagReading.choice(flags.relay, "--relay") ?? relay
        workers = try FlagReading.number(flags.workers, "--workers", 1...Self.workersMax) ?? workersByDefault
        maxConnections = try FlagReading.number(flags.maxConnections, "--max-connections", 1...Self.connectionsMax)
        maxConnectionsPerClient = try FlagReading.number(
            flags.maxConnectionsPerClient, "--max-connections-per-client", 1...Self.connectionsMax)
        try readRing(flags)
        try readPipes(flags, pipeBytesMax)
        try readBuffers(flags)
        try readTimes(flags)
        logFormat = try FlagReading.choice(flags.logFormat, "--log-format") ?? logFormat
        logLevel = try FlagReading.choice(flags.logLevel, "--log-level") ?? logLevel
        try readAccessLog(flags)
    }

    private mutating func readAccessLog(_ flags: ServeFlags) throws(Refusal) {
        accessLog = try FlagReading.read(flags.accessLog, "--access-log") { value throws(ValueProblem) in
            try AccessLogPlace(value)
        }
        let format = try FlagReading.choice(flags.accessLogFormat, "--access-log-format", AccessLogFormat.self)
        if let format, accessLog == nil {
            throw Refusal(
                .usage, flag: "--access-log-format", value: format.rawValue,
                ValueProblem("is for an access log, and there is none", cure: "add --access-log or leave it out"))
        }
        accessLogFormat = format ?? accessLogFormat
    }

    private static func listeners(_ texts: [String]) throws(Refusal) -> [Placed<Endpoint>] {
        guard !texts.isEmpty else {
            throw Refusal(.usage, "--listen is missing; say where to accept, e.g. --listen 0.0.0.0:8080")
        }
        var all: [Placed<Endpoint>] = []
        for text in texts {
            let endpoint = try FlagReading.read(text, "--listen") { value throws(ValueProblem) in
                try Endpoint(value, ports: 0...65_535)
            }
            if let endpoint { all.append(Placed(endpoint, at: .flag("--listen"))) }
        }
        return all
    }

    /// All flags that are about upstreams make one pool.
    private static func pool(_ flags: ServeFlags) throws(Refusal) -> PoolConfiguration {
        var pool = PoolConfiguration("upstream", servers: try servers(flags.upstream))
        pool.balance =
            try FlagReading.read(flags.balance, "--balance") { name throws(ValueProblem) in
                guard let balance = Balance(name: name) else {
                    throw ValueProblem(
                        "is none that exists",
                        cure: "write one of \(Balance.allCases.map(\.name).joined(separator: ", "))")
                }
                return balance
            } ?? pool.balance
        pool.sources = try sources(flags.source)
        pool.fallback = try FlagReading.read(flags.fallbackFile, "--fallback-file") { path throws(ValueProblem) in
            guard !path.isEmpty else { throw ValueProblem("is no path", cure: "name a file") }
            return Placed(path, at: .flag("--fallback-file"))
        }
        pool.timeouts.connectMillis = try FlagReading.time(flags.connectTimeout, "--connect-timeout") ?? 5_000
        pool.timeouts.idleMillis = try FlagReading.time(flags.idleTimeout, "--idle-timeout") ?? 3_600_000
        pool.timeouts.finMillis = try FlagReading.time(flags.finTimeout, "--fin-timeout") ?? 30_000
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
            let address = try FlagReading.read(text, "--source") { value throws(ValueProblem) in
                guard let address = SocketAddress(numeric: value, port: 0) else {
                    throw ValueProblem(
                        "is no address", cure: "write an IPv4 or IPv6 address of this machine, without a port")
                }
                return address
            }
            if let address { all.append(Placed(address, at: .flag("--source"))) }
        }
        return all
    }

    private mutating func readRing(_ flags: ServeFlags) throws(Refusal) {
        let depth = try FlagReading.number(flags.ringDepth, "--ring-depth", 8...32_768) ?? 256
        let completions = try FlagReading.number(flags.completionDepth, "--cq-depth", 16...65_536) ?? max(4096, depth)
        guard completions >= depth else {
            throw Refusal(
                .usage, flag: "--cq-depth", value: "\(completions)",
                ValueProblem("is less than --ring-depth \(depth)", cure: "write at least \(depth)"))
        }
        ring.ringDepth = UInt32(depth)
        ring.completionDepth = UInt32(completions)
        ring.workQueueThreads = UInt32(
            try FlagReading.number(flags.workQueueThreads, "--iowq-workers", 1...64) ?? 1)
        ring.taskRun = try FlagReading.choice(flags.taskRun, "--ring-taskrun") ?? ring.taskRun
    }

    private mutating func readPipes(_ flags: ServeFlags, _ pipeBytesMax: Int) throws(Refusal) {
        do throws(Refusal) {
            pipeBytes =
                try FlagReading.size(flags.pipeSize, "--pipe-size", 4096...max(4096, pipeBytesMax))
                ?? min(1 << 20, pipeBytesMax)
        } catch {
            // The upper end is the machine's: say whose.
            throw Refusal(error.kind, error.sentence + " (fs.pipe-max-size)")
        }
        let chunk = try FlagReading.size(flags.chunkSize, "--chunk-size", 4096...(1 << 30))
        chunkBytes = chunk ?? min(1 << 20, pipeBytes)
        guard chunkBytes <= pipeBytes else {
            throw Refusal(
                .usage, flag: "--chunk-size", value: "\(ByteSize(bytes: chunkBytes))",
                ValueProblem(
                    "is more than a pipe of --pipe-size \(ByteSize(bytes: pipeBytes)) holds",
                    cure: "write at most \(ByteSize(bytes: pipeBytes)) or leave it out"))
        }
    }

    private mutating func readBuffers(_ flags: ServeFlags) throws(Refusal) {
        buffers.bytes = try FlagReading.size(flags.bufferSize, "--buffer-size", 4096...(1 << 20)) ?? buffers.bytes
        buffers.count =
            try FlagReading.number(flags.buffers, "--buffers", 16...BufferMemory.countMax) ?? buffers.count
        ring.buffers = buffers
        spinMicros = try FlagReading.number(flags.spinMicros, "--spin-micros", 0...1_000) ?? spinMicros
    }

    private mutating func readTimes(_ flags: ServeFlags) throws(Refusal) {
        drainMillis = try FlagReading.time(flags.drainTimeout, "--drain-timeout") ?? drainMillis
        statsMillis = try FlagReading.time(flags.stats, "--stats", atLeast: 100)
    }
}
