import DataPlane
import LinuxCalls

/// Servers that were left out since the last look, and those that answer again, in a sentence each.
package struct ServerNews {
    private let servers: [SocketAddress]
    private var ejections: [Int64]
    /// Left out once, and not connected since.
    private var doubted: Set<Int> = []

    /// What there is to say of one server.
    package enum Item: Equatable, Sendable {
        case leftOut(String)
        case answers(String)
    }

    package init(_ servers: [SocketAddress]) {
        self.servers = servers
        ejections = Array(repeating: 0, count: servers.count)
    }

    /// - Parameters:
    ///   - states: of the same servers.
    ///   - now: in milliseconds of the monotonic clock.
    package mutating func look(at states: ServerStates, now: Int64) -> [Item] {
        var items: [Item] = []
        for index in servers.indices {
            let state = states[index]
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
        return items
    }
}
