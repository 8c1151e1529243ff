/// Names that have other servers since the last look, those that cannot be looked up, and those that can again, in a sentence each.
package struct NameNews {
    private var told: [ResolveRules: NameStatus] = [:]
    /// Addresses in one sentence; more are only counted.
    private static let addressesMax = 8

    /// What there is to say of one name.
    package enum Item: Equatable, Sendable {
        case fails(String)
        case isAnswered(String)
    }

    package init() {}

    /// - Parameters:
    ///   - statuses: of all names.
    ///   - now: in milliseconds of the monotonic clock.
    package mutating func look(at statuses: [NameStatus], now: Int64) -> [Item] {
        let items = statuses.flatMap { status in
            Self.items(told[status.rules], status, now: now)
        }
        told = Dictionary(uniqueKeysWithValues: statuses.map { ($0.rules, $0) })
        return items
    }

    private static func items(_ known: NameStatus?, _ after: NameStatus, now: Int64) -> [Item] {
        var items: [Item] = []
        if known == nil && !after.isTried {
            items.append(.fails("name \(after.rules) has not been answered yet; \(rest(after, now: now))"))
        }
        let before = known ?? NameStatus(after.rules)
        if after.failure == nil && before.failure != nil {
            let span = seconds(now - before.failingSinceMillis)
            items.append(.isAnswered("name \(after.rules) is answered again after \(span)"))
        }
        if after.servers != before.servers {
            items.append(.isAnswered("name \(after.rules) is \(list(after.servers))"))
        }
        if let failure = after.failure, before.failure == nil {
            items.append(.fails("name \(after.rules) cannot be looked up: \(failure.words); \(rest(after, now: now))"))
        }
        return items
    }

    /// What goes on meanwhile.
    private static func rest(_ status: NameStatus, now: Int64) -> String {
        guard let answered = status.answeredAtMillis else { return "it has given no servers yet" }
        let count = status.servers.count
        return
            "its \(count == 1 ? "server" : "\(count) servers") of \(seconds(now - answered)) ago \(count == 1 ? "stays" : "stay")"
    }

    private static func seconds(_ milliseconds: Int64) -> String { "\(max(0, milliseconds + 500) / 1_000) s" }

    private static func list(_ servers: [ResolvedServer]) -> String {
        let shown = servers.prefix(addressesMax).map { "\($0.address)\($0.isBackup ? " (backup)" : "")" }
        let more = servers.count - shown.count
        return shown.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }
}
