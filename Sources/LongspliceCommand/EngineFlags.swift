import ArgumentParser
import ControlPlane

/// How bytes are moved.
struct EngineFlags: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "auto, uring or epoll; auto is io_uring where it works. (default: auto)", valueName: "engine"),
        completion: .list(["auto", "uring", "epoll"]))
    var engine: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "adaptive, splice or copy; adaptive copies small messages and splices bulk, by direction. (default: adaptive)",
            valueName: "relay"),
        completion: .list(["adaptive", "splice", "copy"]))
    var relay: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Submission queue entries of each ring, 8 to 32768. (default: 256)", valueName: "N"))
    var ringDepth: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Completion queue entries of each ring, 16 to 65536. (default: 4096, or --ring-depth if that is more)",
            valueName: "N"))
    var cqDepth: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Kernel threads that splice for each ring, 1 to 64. (default: 1)", valueName: "N"))
    var iowqWorkers: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Where completions are worked off: defer (IORING_SETUP_DEFER_TASKRUN) or coop. (default: defer)",
            valueName: "when"),
        completion: .list(["defer", "coop"]))
    var ringTaskrun: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Threads, 1 to 256. (default: one for each processor allowed)", valueName: "N"))
    var workers: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Bytes of each pipe, from 4KiB to fs.pipe-max-size. (default: 1MiB)", valueName: "SIZE"))
    var pipeSize: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Bytes moved at once, at most; no more than a pipe holds. (default: 1MiB)", valueName: "SIZE"))
    var chunkSize: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Bytes of each buffer that is copied through, 4KiB to 1MiB. (default: 16KiB)", valueName: "SIZE"))
    var bufferSize: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Buffers of each worker, 16 to 32768; memory is taken as they are used. (default: 4096)", valueName: "N"))
    var buffers: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Microseconds that a worker spins before it sleeps, where that has paid lately, 0 to 1000. (default: 50)",
            valueName: "N"))
    var spinMicros: String?

    func write(to flags: inout ServeFlags) {
        flags.engine = engine
        flags.relay = relay
        flags.bufferSize = bufferSize
        flags.buffers = buffers
        flags.spinMicros = spinMicros
        flags.ringDepth = ringDepth
        flags.completionDepth = cqDepth
        flags.workQueueThreads = iowqWorkers
        flags.taskRun = ringTaskrun
        flags.workers = workers
        flags.pipeSize = pipeSize
        flags.chunkSize = chunkSize
    }
}
