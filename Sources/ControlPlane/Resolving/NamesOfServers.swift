import LinuxCalls
import Logging

/// The names of a process's configuration, and what has been made of their answers. Of the main thread alone.
final class NamesOfServers {
    private let watch = NameWatch()
    private var news = NameNews()
    private var newsTold: UInt64 = .max
    private var changesServed: UInt64 = 0
    private var notBeforeMillis: Int64 = 0

    /// The first answers are waited for as long as this together, and no longer: a process serves what it has.
    private static let patienceMillis: Int64 = 5_000
    /// After servers could not be changed.
    private static let pauseMillis: Int64 = 5_000

    /// Looks all names up.
    init(_ configuration: ServeConfiguration) throws(Refusal) {
        try follow(configuration.namesOfServers)
        waitForNew()
    }

    /// From now on these are looked up, and all others are forgotten.
    func follow(_ all: Set<ResolveRules>) throws(Refusal) {
        do throws(SystemError) {
            try watch.follow(all)
        } catch {
            throw Refusal(.failure, "a thread of look-ups cannot be started: \(error); free memory")
        }
    }

    func waitForNew() { watch.waitForAll(milliseconds: Self.patienceMillis) }

    /// With the servers that names give now.
    /// - Parameter isServed: whether that is what is served from now on.
    func full(_ configuration: ServeConfiguration, isServed: Bool = true) -> ServeConfiguration {
        // In this order: what changes meanwhile is a change again.
        if isServed { changesServed = watch.changes }
        return configuration.with(servers: watch.servers)
    }

    /// Some name gives other servers than those that are served.
    func haveChanged(at now: Int64) -> Bool { watch.changes != changesServed && now >= notBeforeMillis }

    /// What was to be served could not be.
    func putOff(at now: Int64) {
        changesServed = .max
        notBeforeMillis = now + Self.pauseMillis
    }

    func tellNews(to log: Logger, at now: Int64) {
        let count = watch.news
        guard count != newsTold else { return }
        newsTold = count
        for item in news.look(at: watch.statuses, now: now) {
            switch item {
            case .fails(let sentence): log.warning("\(sentence)")
            case .isAnswered(let sentence): log.info("\(sentence)")
            }
        }
    }

    /// Everything under its public name, and how old each name's answer is; nothing where there is no name.
    func counters(at now: Int64) -> [(name: String, value: UInt64)] {
        let statuses = watch.statuses
        guard !statuses.isEmpty else { return [] }
        let ages: [(name: String, value: UInt64)] = statuses.compactMap { status in
            status.answeredAtMillis.map { ("name_age_seconds[\(status.rules.name)]", UInt64(max(0, now - $0) / 1_000)) }
        }
        return watch.counts.named + ages
    }

    func stop() { watch.stop() }
}
