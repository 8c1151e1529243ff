import DataPlane
import Glibc
import LinuxCalls
import Logging

/// The main thread: signals, the drain and its deadlines, statistics and troubles.
package final class Supervisor {
    private static let interrupt: Int32 = 2
    private static let userSignal: Int32 = 10
    private static let secondUserSignal: Int32 = 12
    private static let terminate: Int32 = 15

    private let configuration: ServeConfiguration
    private let signals: Signals
    private let server: Server
    private let log: Logger
    private let manager: ServiceManager
    private var drain: Drain?
    private var troubles: Troubles
    private var serverNews: ServerNews
    private var troublesAtMillis: Int64
    private var statistics: Statistics?

    /// Starts the server. To be called on the main thread, before any other thread is made.
    /// - Parameter warnings: what is to be said of the configuration once there is a log.
    package init(
        _ configuration: ServeConfiguration, on machine: Machine, warnings: [String] = []
    ) throws(Refusal) {
        self.configuration = configuration
        do throws(SystemError) {
            try Signals.ignoreBrokenPipe()
            try Signals.ignoreFileSize()
            signals = try Signals(blocking: [
                Self.interrupt, Self.userSignal, Self.secondUserSignal, Self.terminate,
            ])
        } catch {
            throw Refusal(.failure, "signals cannot be set up: \(error); this should not happen, please report it")
        }
        let handler = LineLogHandler(configuration.logFormat, level: configuration.logLevel)
        log = Logger(label: "longsplice") { _ in handler }
        for warning in warnings { log.warning("\(warning)") }
        manager = ServiceManager(Self.variable("NOTIFY_SOCKET"))
        server = try Server(configuration, on: machine, inherited: InheritedSockets(Self.variable), log: log)
        troubles = Troubles(upstreams: server.upstreams, names: configuration.names)
        serverNews = ServerNews(server.upstreams)
        let now = Clock.nowMillis()
        troublesAtMillis = now
        statistics = configuration.statsMillis.map { Statistics(everyMillis: $0, from: server.totals, at: now) }
        let count = server.addresses.count
        tell("READY=1", "STATUS=serving on \(count) \(count == 1 ? "address" : "addresses")")
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).flatMap { String(validatingCString: $0) }
    }

    /// What the service manager should know; it is not needed for serving.
    private func tell(_ assignments: String...) {
        if let trouble = manager.tell(assignments) { log.warning("\(trouble)") }
    }

    /// Serves until told to end; returns the exit status.
    package func run() -> Int32 {
        while !server.isDone {
            if let signal = signals.next(milliseconds: waitMillis) { obey(signal) }
            let now = Clock.nowMillis()
            reportTroubles(at: now)
            if let rates = statistics?.rates(server.totals, at: now) { log.info("rates", metadata: rates.metadata) }
            if let order = drain?.order(at: now) { give(order) }
            if drain?.isHopeless(at: now) == true { leaveAtOnce("workers do not leave", 1) }
        }
        server.removeFiles()
        closeAccessLog()
        log.info("all connections are done")
        return 0
    }

    private func obey(_ signal: Int32) {
        if signal == Self.userSignal { return logCounters() }
        if signal == Self.secondUserSignal { return reopenAccessLog() }
        guard drain == nil else { leaveAtOnce("told to end a second time", 128 + signal) }
        drain = Drain(startedAtMillis: Clock.nowMillis(), timeoutMillis: configuration.drainMillis)
        log.info("draining", metadata: ["active": "\(server.totals[.active])", "timeout": "\(drainTimeout)"])
        tell("STOPPING=1", "STATUS=draining, \(server.totals[.active]) active")
        server.drain()
    }

    private func reopenAccessLog() {
        if server.hasAccessLog { server.reopenAccessLog() } else { log.info("there is no access log to reopen") }
    }

    private func closeAccessLog() {
        let lost = server.closeAccessLog()
        if lost > 0 { log.warning("the access log could not be written to its end", metadata: ["lost": "\(lost)"]) }
    }

    /// Without waiting for any worker, and so without the ordinary end of the process; what the access log has queued is
    /// lost.
    private func leaveAtOnce(_ why: Logger.Message, _ status: Int32) -> Never {
        server.removeFiles()
        log.error(why)
        _exit(status)
    }

    private var drainTimeout: TimeSpan { TimeSpan(milliseconds: configuration.drainMillis) }

    private func give(_ order: WorkerControl.Order) {
        switch order {
        case .run, .drain: break
        case .cut:
            log.warning(
                "the drain timeout has passed: cutting what is left", metadata: ["active": "\(server.totals[.active])"])
            server.cut()
        case .stop:
            log.warning("stopping the workers")
            server.stop()
        }
    }

    /// Until the next thing that has a time. While draining the workers are watched closely.
    private var waitMillis: Int64 {
        let now = Clock.nowMillis()
        var wait: Int64 = drain == nil ? 1_000 : 10
        wait = min(wait, max(1, troublesAtMillis + Self.troublesEveryMillis - now))
        if let statistics { wait = min(wait, max(1, statistics.nextAtMillis - now)) }
        return wait
    }

    private static let troublesEveryMillis: Int64 = 1_000

    private func reportTroubles(at now: Int64) {
        let since = now - troublesAtMillis
        guard since >= Self.troublesEveryMillis else { return }
        troublesAtMillis = now
        server.renewFallbacks(log)
        for item in serverNews.look(at: server.serverStates, now: now) {
            switch item {
            case .leftOut(let sentence): log.warning("\(sentence)")
            case .answers(let sentence): log.info("\(sentence)")
            }
        }
        let news = server.takeAccessLogNews()
        let sentence = troubles.sentence(
            server.totals, { server.connectFailures }, accessLog: news.trouble, seconds: (since + 500) / 1_000)
        if let sentence { log.warning("\(sentence)") }
        if let notice = news.notice { log.info("\(notice)") }
    }

    private func logCounters() {
        for (name, value) in server.totals.named { log.info("counter", metadata: [name: "\(value)"]) }
        let none = ConnectFailures(upstreamCount: server.upstreams.count)
        for entry in server.connectFailures.added(since: none) {
            let name = "\(Totals.snakeCase("\(entry.cause.counter)"))[\(server.upstreams[entry.upstream])]"
            log.info("counter", metadata: [name: "\(entry.count)"])
        }
    }
}

extension Supervisor {
    /// All of `longsplice serve`: returns the exit status.
    package static func run(_ flags: ServeFlags) throws(Refusal) -> Int32 {
        let machine = try Machine.ofThisProcess()
        let configuration = try ServeConfiguration(
            flags, workersByDefault: machine.workersByDefault, pipeBytesMax: machine.pipeBytesMax)
        return try Supervisor(configuration, on: machine).run()
    }
}
