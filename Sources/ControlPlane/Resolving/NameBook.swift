/// When each name is looked up, and what became of it. The time is told by who asks.
///
/// Names whose last look-up has failed may hold up only so many threads: so those of dead name servers leave room for all others.
struct NameBook {
    private struct Entry {
        var status: NameStatus
        var dueMillis: Int64
        var isUnderWay = false
        var failuresInRow = 0

        var isTroubled: Bool { failuresInRow > 0 }
    }

    private var entries: [ResolveRules: Entry] = [:]
    private let troubledMax: Int
    /// Grows whenever the servers of a name are others than before.
    private(set) var changes: UInt64 = 0
    /// Grows with that, and whenever a name is new, begins to fail or is answered again.
    private(set) var news: UInt64 = 0
    private(set) var counts = NameCounts()

    static let longestPauseMillis: Int64 = 30_000

    /// - Parameter troubledMax: names under way at a time that have failed before; one at least.
    init(troubledMax: Int) { self.troubledMax = max(1, troubledMax) }

    /// From now on these are looked up; what is known of them is kept, and all others are forgotten.
    mutating func follow(_ all: Set<ResolveRules>, at now: Int64) {
        entries = entries.filter { all.contains($0.key) }
        for rules in all where entries[rules] == nil {
            news &+= 1
            entries[rules] = Entry(status: NameStatus(rules), dueMillis: now)
        }
    }

    var count: Int { entries.count }

    /// A name whose look-up is due and has not begun.
    mutating func next(at now: Int64) -> ResolveRules? {
        let due = startable.filter { $0.value.dueMillis <= now }.min { $0.value.dueMillis < $1.value.dueMillis }
        guard let due else { return nil }
        entries[due.key]?.isUnderWay = true
        counts.lookups &+= 1
        return due.key
    }

    /// When the next one is due; nil where none is until one that is under way has ended.
    var dueMillis: Int64? { startable.map(\.value.dueMillis).min() }

    private var startable: [ResolveRules: Entry] {
        let troubled = entries.count { $0.value.isUnderWay && $0.value.isTroubled }
        return entries.filter { !$0.value.isUnderWay && (!$0.value.isTroubled || troubled < troubledMax) }
    }

    mutating func note(_ result: Result<NameAnswer, NameFailure>, of rules: ResolveRules, at now: Int64) {
        if case .failure = result { counts.failures &+= 1 }
        // It may have been forgotten meanwhile.
        guard var entry = entries[rules] else { return }
        entry.isUnderWay = false
        entry.status.isTried = true
        switch result {
        case .success(let answer):
            if entry.isTroubled { news &+= 1 }
            if answer.servers != entry.status.servers {
                changes &+= 1
                news &+= 1
                entry.status.servers = answer.servers
            }
            entry.status.answeredAtMillis = now
            entry.status.failure = nil
            entry.failuresInRow = 0
            entry.dueMillis = now + rules.refreshMillis(secondsToLive: answer.secondsToLive)
        case .failure(let failure):
            if !entry.isTroubled {
                news &+= 1
                entry.status.failingSinceMillis = now
            }
            entry.status.failure = failure
            entry.dueMillis = now + min(Self.longestPauseMillis, 1_000 << min(entry.failuresInRow, 10))
            entry.failuresInRow += 1
        }
        entries[rules] = entry
    }

    func servers(of rules: ResolveRules) -> [ResolvedServer] { entries[rules]?.status.servers ?? [] }

    /// Of each name, by name.
    var statuses: [NameStatus] {
        entries.values.map(\.status).sorted { "\($0.rules)" < "\($1.rules)" }
    }

    /// Each has been answered, or has failed.
    var areTried: Bool { entries.values.allSatisfy(\.status.isTried) }
}

/// How it stands with a name.
package struct NameStatus: Equatable, Sendable {
    package let rules: ResolveRules
    /// Of the last good answer.
    package var servers: [ResolvedServer] = []
    /// When that came, in milliseconds of the monotonic clock; nil where there was none yet.
    package var answeredAtMillis: Int64?
    /// Of the last look-up; nil where it has not failed.
    var failure: NameFailure?
    /// Since when each look-up has failed, where the last one has.
    var failingSinceMillis: Int64 = 0
    /// A look-up has ended.
    var isTried = false

    init(_ rules: ResolveRules) { self.rules = rules }
}

/// What look-ups have come to since the start.
package struct NameCounts: Equatable, Sendable {
    package var lookups: UInt64 = 0
    package var failures: UInt64 = 0

    /// Everything under its public name.
    package var named: [(name: String, value: UInt64)] {
        [("name_lookups", lookups), ("name_lookups_failed", failures)]
    }
}
