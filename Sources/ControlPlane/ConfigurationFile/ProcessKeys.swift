import DataPlane
import LinuxCalls
import Logging

/// The keys of a file's first level: what holds for the process, and the two lists.
enum ProcessKeys {
    /// - Parameters:
    ///   - workersByDefault: the workers where the key is not given.
    ///   - pipeBytesMax: the largest pipe this process may ask for, in bytes.
    static func all(pipeBytesMax: Int) -> [FileKey<FileDraft>] {
        engine(pipeBytesMax) + limitsAndTimes + logs + [
            control,
            .list(
                "listeners", isRequired: true, example: #"- { name: https, bind: ["0.0.0.0:443"] }"#,
                item: Schema.mapping(ListenerKeys.all, "One listener."), "Where connections are accepted.",
                item: ListenerKeys.read, set: { $0.listeners = $1 }),
            .list(
                "pools", isRequired: true, example: #"- { name: web, servers: ["192.0.2.1:80"] }"#,
                item: Schema.mapping(PoolKeys.all, "One pool."),
                "Servers that stand for each other, and how they are connected to.",
                item: PoolKeys.read, set: { $0.pools = $1 }),
        ]
    }

    private static let standard = ServeConfiguration(listeners: [], pools: [])

    private static func engine(_ pipeBytesMax: Int) -> [FileKey<FileDraft>] {
        [
            .number("workers", Bounds.workers, "Threads; one for each processor where it is not given.") {
                $0.configuration.workers = $1.value
            },
            .choice("engine", standard: standard.engine, "auto is io_uring where it works.") {
                $0.configuration.engine = $1.value
                $0.configuration.engineOrigin = $1.origin
            },
            .choice("relay", standard: standard.relay, "How bytes move between two sockets.") {
                $0.configuration.relay = $1.value
            },
            .section("uring", "Each worker's io_uring.", ring),
            .section("pipes", "What bulk goes through.", pipes(pipeBytesMax)),
            .section("buffers", "What small messages are copied through.", buffers),
            .number(
                "spin_micros", Bounds.spin, standard: standard.spinMicros,
                "Microseconds that a worker spins before it sleeps, where that has paid lately."
            ) { $0.configuration.spinMicros = $1.value },
        ]
    }

    private static var ring: [FileKey<FileDraft>] {
        [
            .number(
                "ring_depth", Bounds.ringDepth, standard: Int(standard.ring.ringDepth), "Submission queue entries."
            ) { $0.ringDepth = $1 },
            .number(
                "cq_depth", Bounds.completionDepth, standard: Int(standard.ring.completionDepth),
                "Completion queue entries; ring_depth at least."
            ) { $0.completionDepth = $1 },
            .number(
                "iowq_workers", Bounds.workQueueThreads, standard: Int(standard.ring.workQueueThreads),
                "Kernel threads that splice."
            ) { $0.configuration.ring.workQueueThreads = UInt32($1.value) },
            .choice("taskrun", standard: standard.ring.taskRun, "Where completions are worked off.") {
                $0.configuration.ring.taskRun = $1.value
            },
        ]
    }

    private static func pipes(_ pipeBytesMax: Int) -> [FileKey<FileDraft>] {
        [
            .value(
                "size", .size(Bounds.pipe(pipeBytesMax)), standard: .string("\(ByteSize(bytes: standard.pipeBytes))"),
                "Bytes of each pipe.",
                parse: { text throws(ValueProblem) in try ByteSize.ofPipe(text, pipeBytesMax) },
                set: { $0.pipeBytes = $1 }),
            .size(
                "chunk", Bounds.chunk, standard: standard.chunkBytes,
                "Bytes moved at once; no more than a pipe holds."
            ) { $0.chunkBytes = $1 },
        ]
    }

    private static var buffers: [FileKey<FileDraft>] {
        [
            .size("size", Bounds.buffer, standard: standard.buffers.bytes, "Bytes of each buffer.") {
                $0.configuration.setBuffers(bytes: $1.value, count: nil)
            },
            .number("count", Bounds.buffers, standard: standard.buffers.count, "Buffers of each worker.") {
                $0.configuration.setBuffers(bytes: nil, count: $1.value)
            },
        ]
    }

    private static var limitsAndTimes: [FileKey<FileDraft>] {
        [
            .section(
                "limits", "How much at a time.",
                [
                    .number(
                        "connections", Bounds.connections, "More wait; what the descriptor limit allows if not given."
                    ) {
                        $0.configuration.maxConnections = $1.value
                        $0.configuration.maxConnectionsOrigin = $1.origin
                    },
                    .number(
                        "connections_per_client", Bounds.connections,
                        "Of one IPv4 address or one IPv6 /64; more are reset. No bound if not given."
                    ) { $0.configuration.maxConnectionsPerClient = $1.value },
                ]),
            .time(
                "drain_timeout", standard: standard.drainMillis, "For connections to end by themselves after SIGTERM."
            ) {
                $0.configuration.drainMillis = $1
            },
        ]
    }

    private static var control: FileKey<FileDraft> {
        .section(
            "control", "Where the process is asked and told while it runs; nowhere if not given.",
            [
                .value(
                    "socket", .text(example: "socket: \(ControlSettings.standardPath)"), isRequired: true,
                    "The path of a UNIX socket, for root and the process's own user.", parse: ControlSettings.path,
                    set: { $0.control.socket = $1 }),
                .value(
                    "mode", .text(example: "mode: \"0600\""), standard: .string("0600"),
                    "Of its file; whomever that lets in, others than these two are not answered.",
                    parse: FileMode.parse, set: { $0.control.mode = $1.value }),
            ])
    }

    private static var logs: [FileKey<FileDraft>] {
        [
            .section(
                "log", "What is said on standard error.",
                [
                    .choice("format", standard: standard.logFormat, "Of the lines.") {
                        $0.configuration.logFormat = $1.value
                    },
                    .choice("level", standard: standard.logLevel, "What is less than this is not said.") {
                        $0.configuration.logLevel = $1.value
                    },
                    .time(
                        "stats", atLeast: Bounds.shortestStats, standard: nil,
                        "One line of rates each time; none if not given."
                    ) { $0.configuration.statsMillis = $1 },
                ]),
            .section(
                "access_log", "One record for each connection; none if not given.",
                [
                    accessLogPlace,
                    .choice("format", standard: standard.accessLogFormat, "Of the records.") {
                        $0.accessLogFormat = $1
                    },
                ]),
        ]
    }

    private static var accessLogPlace: FileKey<FileDraft> {
        let key = FileKey<FileDraft>.value(
            "to", .text(example: "to: /var/log/longsplice/access.log"), "A file, - for standard output, or unix:PATH.",
            parse: { text throws(ValueProblem) in try AccessLogPlace(text) },
            set: { (draft: inout FileDraft, place: Placed<AccessLogPlace>) in draft.accessLog = place })
        return FileKey(key.name, wanted: key.wanted, schema: key.schema) { node, path, reading, draft in
            draft.hasAccessLogPlace = true
            key.read(node, path, &reading, &draft)
        }
    }
}
