/// The server as a whole, at one moment.
package struct ControlStatus: Codable, Equatable, Sendable {
    package var version: String
    package var pid: Int32
    package var engine: String
    package var workers: Int
    package var startedAt: String
    package var uptimeSeconds: Double
    package var generation: ControlGeneration
    /// Nil where none was asked for since the start.
    package var lastReload: ControlReload?
    package var listeners: [ControlListener]
    package var connections: ControlConnections
    /// Nil while it serves.
    package var drain: ControlDrain?
    /// Every counter and gauge under the name that SIGUSR1 gives it.
    package var totals: [String: UInt64]

    package init(
        version: String, pid: Int32, engine: String, workers: Int, startedAt: String, uptimeSeconds: Double,
        generation: ControlGeneration, lastReload: ControlReload?, listeners: [ControlListener],
        connections: ControlConnections, drain: ControlDrain?, totals: [String: UInt64]
    ) {
        self.version = version
        self.pid = pid
        self.engine = engine
        self.workers = workers
        self.startedAt = startedAt
        self.uptimeSeconds = uptimeSeconds
        self.generation = generation
        self.lastReload = lastReload
        self.listeners = listeners
        self.connections = connections
        self.drain = drain
        self.totals = totals
    }
}

/// A configuration in force; times are RFC 3339 in UTC.
package struct ControlGeneration: Codable, Equatable, Sendable {
    /// From 1, one more with each reload that succeeded and with each change of a server.
    package var number: UInt64
    /// When the file was read.
    package var loadedAt: String

    package init(number: UInt64, loadedAt: String) {
        self.number = number
        self.loadedAt = loadedAt
    }
}

package struct ControlReload: Codable, Equatable, Sendable {
    package var at: String
    package var succeeded: Bool
    /// What changed, or why nothing did.
    package var lines: [String]

    package init(at: String, succeeded: Bool, lines: [String]) {
        self.at = at
        self.succeeded = succeeded
        self.lines = lines
    }
}

package struct ControlListener: Codable, Equatable, Sendable {
    package var name: String
    /// With the real ports.
    package var addresses: [String]

    package init(name: String, addresses: [String]) {
        self.name = name
        self.addresses = addresses
    }
}

package struct ControlConnections: Codable, Equatable, Sendable {
    package var active: UInt64
    package var accepted: UInt64
    package var closed: UInt64
    package var bytesUp: UInt64
    package var bytesDown: UInt64

    package init(active: UInt64, accepted: UInt64, closed: UInt64, bytesUp: UInt64, bytesDown: UInt64) {
        self.active = active
        self.accepted = accepted
        self.closed = closed
        self.bytesUp = bytesUp
        self.bytesDown = bytesDown
    }
}

package struct ControlDrain: Codable, Equatable, Sendable {
    /// Until the connections that are left are reset; 0 once they are.
    package var secondsLeft: Double

    package init(secondsLeft: Double) { self.secondsLeft = secondsLeft }
}
