/// Servers that stand for each other, at one moment.
package struct ControlPool: Codable, Equatable, Sendable {
    package var name: String
    package var balance: String
    package var servers: [ControlServer]

    package init(name: String, balance: String, servers: [ControlServer]) {
        self.name = name
        self.balance = balance
        self.servers = servers
    }
}

package struct ControlServer: Codable, Equatable, Sendable {
    package enum State: String, Codable, CaseIterable, Sendable {
        case up
        /// By its checks.
        case down
        /// Left out for a while, since connecting has failed too often.
        case ejected
        /// Gets no more connections, as it was told.
        case draining
        /// Up again, and not yet with its whole share.
        case slowStart = "slow_start"
    }

    /// As actions, metrics and logs name it: its address, with `#2` behind it where its pool has it twice.
    package var name: String
    package var address: String
    package var weight: Int
    package var backup: Bool
    package var state: State
    /// Attempts to connect among them.
    package var connections: Int64
    /// Connects that have failed since one succeeded; nil where its pool ejects nobody.
    package var failuresInRow: Int64?
    /// How often it was left out.
    package var ejections: Int64
    /// Until it is tried again; nil where it is not left out.
    package var ejectedForSeconds: Double?
    /// Connects that have failed since the start, by cause; without those that are zero.
    package var connectFailures: [String: UInt64]
    /// Nil where it is not checked.
    package var health: ControlHealth?

    package init(
        name: String, address: String, weight: Int, backup: Bool, state: State, connections: Int64, ejections: Int64
    ) {
        self.name = name
        self.address = address
        self.weight = weight
        self.backup = backup
        self.state = state
        self.connections = connections
        self.ejections = ejections
        connectFailures = [:]
    }
}

package struct ControlHealth: Codable, Equatable, Sendable {
    package var down: Bool
    /// Why the last check that failed did so; nil where none has.
    package var lastFailure: String?

    package init(down: Bool, lastFailure: String?) {
        self.down = down
        self.lastFailure = lastFailure
    }
}
