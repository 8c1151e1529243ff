import ControlMessages
import DataPlane
import Glibc
import LinuxCalls
import Logging

/// The main thread: signals, the drain and its deadlines, statistics and troubles.
package final class Supervisor {
    private static let hangUp: Int32 = 1
    private static let interrupt: Int32 = 2
    private static let userSignal: Int32 = 10
    private static let secondUserSignal: Int32 = 12
    private static let terminate: Int32 = 15

    /// Reads the configuration again, or the one at another path; nil where it was given by flags.
    private let source: Source?
    let server: Server
    let log: Logger
    let mailbox: ControlMailbox
    let startedAt = Timestamp.now()
    let startedAtMillis = Clock.nowMillis()
    /// When what is served now was read.
    private(set) var loadedAt = Timestamp.now()
    private(set) var drain: Drain?
    private let signals: Signals
    private let names: NamesOfServers
    private let manager: ServiceManager
    /// Nil where there is no control socket.
    private let entrance: ControlEntrance?
    private var troubles: Troubles
    private var serverNews: ServerNews
    private var troublesAtMillis: Int64
    private var statistics: Statistics?

    /// Starts the server. To be called on the main thread, before any other thread is made.
    /// - Parameters:
    ///   - warnings: what is to be said of the configuration once there is a log.
    ///   - source: reads the configuration again, and throws `FileProblems` or a `Refusal`; nil where that is not possible.
    ///   - opening: how a control socket is served.
    package init(
        _ configuration: ServeConfiguration, on machine: Machine, warnings: [String] = [],
        source: Source? = nil, opening: ControlOpening
    ) throws(Refusal) {
        self.source = source
        do throws(SystemError) {
            try Signals.ignoreBrokenPipe()
            try Signals.ignoreFileSize()
            signals = try Signals(blocking: [
                Self.hangUp, Self.interrupt, Self.userSignal, Self.secondUserSignal, Self.terminate, Signals.bell,
            ])
        } catch {
            throw Refusal(.failure, "signals cannot be set up: \(error); this should not happen, please report it")
        }
        let handler = LineLogHandler(configuration.logFormat, level: configuration.logLevel)
        log = Logger(label: "longsplice") { _ in handler }
        for warning in warnings { log.warning("\(warning)") }
        manager = ServiceManager(Self.variable("NOTIFY_SOCKET"))
        mailbox = ControlMailbox(ring: Signals.bellOfThisThread())
        entrance = try configuration.control.map { settings throws(Refusal) in try ControlEntrance(settings) }
        names = try NamesOfServers(configuration)
        server = try Server(
            names.full(configuration), on: machine, inherited: InheritedSockets(Self.variable),
            isChangeable: source != nil || configuration.control != nil, log: log)
        troubles = Troubles(upstreams: server.upstreams, names: configuration.names)
        serverNews = ServerNews(server.upstreams)
        let now = Clock.nowMillis()
        troublesAtMillis = now
        statistics = configuration.statsMillis.map { Statistics(everyMillis: $0, from: server.totals, at: now) }
        names.tellNews(to: log, at: now)
        try entrance?.open(opening, mailbox)
        if let control = configuration.control { log.info("control socket at \(control.socket.value)") }
        tell("READY=1", status)
    }

    deinit { names.stop() }

    private var status: String {
        let count = server.addresses.count
        return "STATUS=serving on \(count) \(count == 1 ? "address" : "addresses")"
    }

    /// What is served now.
    var configuration: ServeConfiguration { server.configuration }

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
            answerControl()
            let now = Clock.nowMillis()
            reportTroubles(at: now)
            adoptNames(at: now)
            if let rates = statistics?.rates(server.totals, at: now) { log.info("rates", metadata: rates.metadata) }
            if let order = drain?.order(at: now) { give(order) }
            if drain?.isHopeless(at: now) == true { leaveAtOnce("workers do not leave", 1) }
        }
        server.removeFiles()
        mailbox.close()
        entrance?.close()
        closeAccessLog()
        log.info("all connections are done")
        return 0
    }

    private func obey(_ signal: Int32) {
        if signal == Signals.bell { return }
        if signal == Self.userSignal { return logCounters() }
        if signal == Self.secondUserSignal { return reopenAccessLog() }
        if signal == Self.hangUp {
            reload()
            return
        }
        guard drain == nil else { leaveAtOnce("told to end a second time", 128 + signal) }
        startDrain()
    }

    func startDrain() {
        drain = Drain(startedAtMillis: Clock.nowMillis(), timeoutMillis: configuration.drainMillis)
        log.info("draining", metadata: ["active": "\(server.totals[.active])", "timeout": "\(drainTimeout)"])
        tell("STOPPING=1", "STATUS=draining, \(server.totals[.active]) active")
        server.drain()
    }

    // MARK: Reload

    package typealias Source = (_ path: String?) throws -> (configuration: ServeConfiguration, warnings: [String])

    /// What has become of a wish to serve another configuration.
    package enum Reload: Equatable, Sendable {
        case adopted(ConfigurationDifference)
        /// Nothing has changed; a sentence for each reason.
        case refused([String])
    }

    /// How the last reload went, and when, in milliseconds since 1970; nil before the first one.
    package private(set) var lastReload: (outcome: Reload, atWallMillis: Int64)?

    /// Reads the configuration again and serves it from now on; where anything is wrong with it, nothing changes.
    @discardableResult
    package func reload() -> Reload {
        let outcome = readAgain()
        lastReload = (outcome, Timestamp.now().milliseconds)
        switch outcome {
        case .adopted(let difference):
            log.info(
                "reloaded", metadata: ["generation": "\(server.generation)", "changes": "\(difference.changes.count)"])
            for change in difference.changes { log.info("\(change)") }
            for key in difference.unchanged { log.warning("\(key)") }
        case .refused(let reasons):
            for reason in reasons { log.error("\(reason)") }
            log.error("not reloaded: nothing has changed")
        }
        return outcome
    }

    /// What a reload would change; nothing is changed. Addresses are neither bound nor looked up for it.
    /// - Parameter path: of another file than the one that is served.
    func plan(_ path: String?) -> Reload {
        guard let source else {
            return .refused(["the configuration was given by flags; start with --config FILE to plan another one"])
        }
        do {
            return .adopted(server.difference(to: names.full(try source(path).configuration, isServed: false)))
        } catch let problems as FileProblems {
            return .refused(problems.lines)
        } catch let refusal as Refusal {
            return .refused([refusal.sentence])
        } catch {
            return .refused(["\(error)"])
        }
    }

    private func readAgain() -> Reload {
        guard let source else {
            return .refused(["the configuration was given by flags; start with --config FILE to reload it"])
        }
        guard drain == nil else { return .refused(["the process is draining"]) }
        tell("RELOADING=1", "MONOTONIC_USEC=\(Clock.nowNanoseconds() / 1_000)")
        defer { tell("READY=1", status) }
        do {
            let read = try source(nil)
            for warning in read.warnings { log.warning("\(warning)") }
            let difference = try adopt(read.configuration)
            loadedAt = Timestamp.now()
            return .adopted(difference)
        } catch let problems as FileProblems {
            return .refused(problems.lines)
        } catch let refusal as Refusal {
            return .refused([refusal.sentence])
        } catch {
            return .refused(["\(error)"])
        }
    }

    /// Serves another configuration from now on. Throws what stands in the way; nothing has changed then.
    package func adopt(_ configuration: ServeConfiguration) throws(Refusal) -> ConfigurationDifference {
        try names.follow(configuration.namesOfServers.union(self.configuration.namesOfServers))
        names.waitForNew()
        do throws(Refusal) {
            let difference = try adopt(full: names.full(configuration), looksUp: true)
            try names.follow(configuration.namesOfServers)
            return difference
        } catch {
            try names.follow(self.configuration.namesOfServers)
            throw error
        }
    }

    /// Servers that names have given since the last look are served from now on, and those that they do not give any more are not.
    private func adoptNames(at now: Int64) {
        names.tellNews(to: log, at: now)
        guard drain == nil, names.haveChanged(at: now) else { return }
        do throws(Refusal) {
            let difference = try adopt(full: names.full(configuration), looksUp: false)
            for change in difference.changes { log.info("\(change)") }
        } catch {
            log.error("\(error.sentence); the servers stay as they were, and this is tried again")
            names.putOff(at: now)
        }
    }

    private func adopt(full configuration: ServeConfiguration, looksUp: Bool) throws(Refusal) -> ConfigurationDifference
    {
        let difference = try server.adopt(configuration, looksUp: looksUp)
        troubles.upstreams = server.upstreams
        serverNews.adopt(server.upstreams)
        do throws(Refusal) {
            try server.renewHealthChecks()
        } catch {
            log.error("\(error.sentence); no server is checked")
        }
        return difference
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
        entrance?.removeFile()
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
        for item in serverNews.look(at: server.serverStates, now: now, server.checkFailure) {
            switch item {
            case .leftOut(let sentence), .isDown(let sentence): log.warning("\(sentence)")
            case .answers(let sentence), .isUp(let sentence): log.info("\(sentence)")
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
        for (name, value) in server.healthCounts?.named ?? [] { log.info("counter", metadata: [name: "\(value)"]) }
        for (name, value) in names.counters(at: Clock.nowMillis()) { log.info("counter", metadata: [name: "\(value)"]) }
        let none = ConnectFailures(upstreamCount: server.upstreams.count)
        for entry in server.connectFailures.added(since: none) {
            let name = "\(Totals.snakeCase("\(entry.cause.counter)"))[\(server.upstreams[entry.upstream])]"
            log.info("counter", metadata: [name: "\(entry.count)"])
        }
    }
}

extension Supervisor {
    /// All of `longsplice serve`: returns the exit status.
    /// - Parameter opening: how a control socket is served.
    package static func run(_ flags: ServeFlags, opening: ControlOpening) throws(Refusal) -> Int32 {
        let machine = try Machine.ofThisProcess()
        var configuration = try ServeConfiguration(
            flags, workersByDefault: machine.workersByDefault, pipeBytesMax: machine.pipeBytesMax)
        configuration.source = ControlConfiguration(flags: Array(CommandLine.arguments.dropFirst()))
        return try Supervisor(configuration, on: machine, opening: opening).run()
    }
}
