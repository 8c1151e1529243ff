import DataPlane
import LinuxCalls

/// Servers that have gone down or were left out since the last look, and those that are back, in a sentence each.
package struct ServerNews {
    private var servers: [SocketAddress]
    private var ejections: [Int64]
    /// Left out once, and not connected since.
    private var doubted: Set<Int> = []
    /// Told to be down.
    private var down: Set<Int> = []
    /// Sentences at one look; more servers are only counted.
    private static let itemsMax = 16

    /// What there is to say of one server.
    package enum Item: Equatable, Sendable {
        case leftOut(String)
        case answers(String)
        /// By its health checks.
        case isDown(String)
        case isUp(String)
    }

    package init(_ servers: [SocketAddress]) {
        self.servers = servers
        ejections = Array(repeating: 0, count: servers.count)
    }

    /// The servers by their numbers from now on. Of one that has got another's number nothing is known.
    package mutating func adopt(_ servers: [SocketAddress]) {
        for index in servers.indices {
            guard index < self.servers.count else {
                ejections.append(0)
                continue
            }
            guard servers[index] != self.servers[index] else { continue }
            ejections[index] = 0
            doubted.remove(index)
            down.remove(index)
        }
        self.servers = servers
    }

    /// - Parameters:
    ///   - states: of the same servers.
    ///   - now: in milliseconds of the monotonic clock.
    ///   - failureOfCheck: of a server, as it follows "its last check".
    package mutating func look(
        at states: ServerStates, now: Int64, _ failureOfCheck: (Int) -> String? = { _ in nil }
    ) -> [Item] {
        var items: [Item] = []
        for index in servers.indices {
            let state = states[index]
            if state.isDown {
                if down.insert(index).inserted {
                    let why = failureOfCheck(index).map { ": its last check \($0)" } ?? ""
                    items.append(.isDown("server \(servers[index]) is down\(why)"))
                }
            } else if down.remove(index) != nil {
                items.append(.isUp("server \(servers[index]) is up again"))
            }
            if state.ejections != ejections[index] {
                ejections[index] = state.ejections
                // Told once while it goes on.
                if doubted.insert(index).inserted {
                    let span = TimeSpan(milliseconds: max(0, state.ejectedUntilMillis - now))
                    items.append(
                        .leftOut(
                            "server \(servers[index]) is left out, for \(span) more and each time it fails again: connecting has failed \(state.failuresInRow) times in a row"
                        ))
                }
            } else if doubted.contains(index), state.failuresInRow == 0 {
                doubted.remove(index)
                items.append(.answers("server \(servers[index]) can be connected again"))
            }
        }
        return Self.bounded(items)
    }

    private static func bounded(_ items: [Item]) -> [Item] {
        guard items.count > itemsMax else { return items }
        let rest = items.dropFirst(itemsMax - 1)
        let down = rest.count { if case .isDown = $0 { true } else { false } }
        let left = rest.count { if case .leftOut = $0 { true } else { false } }
        let back = rest.count - down - left
        let sentence = "of \(rest.count) more servers \(down) are down, \(left) are left out and \(back) are back"
        return items.prefix(itemsMax - 1) + [down + left > 0 ? .isDown(sentence) : .isUp(sentence)]
    }
}
