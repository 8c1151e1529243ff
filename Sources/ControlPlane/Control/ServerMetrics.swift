import ControlMessages
import DataPlane

/// All there is to measure of a running server, at one moment.
struct ServerMetrics {
    var version: String
    var engine: String
    /// Since 1970.
    var startedAtMillis: Int64
    var generation: UInt64
    /// Or there was none.
    var lastReloadSucceeded: Bool
    var isDraining: Bool
    var totals: Totals
    /// Nil where no server is checked.
    var health: HealthCounts?
    var pools: [ControlPool]

    /// In the Prometheus text format.
    var text: String {
        var metrics = MetricsText()
        addProcess(to: &metrics)
        for counter in Counter.allCases {
            metrics.add(Totals.snakeCase("\(counter)"), .counter, counter.help, [.init(totals[counter])])
        }
        metrics.add("connections_active", .gauge, "Clients that are here now.", [.init(totals[.active])])
        metrics.add(
            "connections_waiting", .gauge, "Of those, clients that wait for a server with room.",
            [.init(totals[.waiting])])
        metrics.add("pipes_open", .gauge, "Pipes that there are now.", [.init(totals[.pipesOpen])])
        metrics.add("pipes_borrowed", .gauge, "Of those, pipes with bytes under way.", [.init(totals[.pipesBorrowed])])
        addHealth(to: &metrics)
        addServers(to: &metrics)
        return metrics.text
    }

    private func addProcess(to metrics: inout MetricsText) {
        metrics.add(
            "build_info", .gauge, "Which Longsplice this is, and its engine.",
            [.init(1, [("version", version), ("engine", engine)])])
        metrics.add(
            "start_time_seconds", .gauge, "When it started, since 1970-01-01T00:00:00Z.",
            [.init(milliseconds: startedAtMillis)])
        metrics.add(
            "generation", .gauge, "Number of the configuration in force, from 1.", [.init(generation)])
        metrics.add(
            "last_reload_successful", .gauge, "Whether the last reload succeeded; 1 where there was none.",
            [.init(lastReloadSucceeded)])
        metrics.add("draining", .gauge, "Whether it takes no more connections.", [.init(isDraining)])
    }

    private func addHealth(to metrics: inout MetricsText) {
        for (name, value) in health?.named ?? [] {
            metrics.add(name, name == "servers_down" ? .gauge : .counter, HealthCounts.help(name), [.init(value)])
        }
    }

    private func addServers(to metrics: inout MetricsText) {
        let servers = pools.flatMap { pool in
            pool.servers.map { (server: $0, labels: [("pool", pool.name), ("server", $0.name)]) }
        }
        func add(
            _ name: String, _ kind: MetricsText.Kind, _ help: String,
            _ sample: (ControlServer, [(String, String)]) -> MetricsText.Sample?
        ) {
            metrics.add("server_\(name)", kind, help, servers.compactMap { sample($0.server, $0.labels) })
        }
        add("up", .gauge, "Whether its checks say that it is up; only of servers that are checked.") { server, labels in
            server.health.map { .init(!$0.down, labels) }
        }
        add("state", .gauge, "1 for the state that the server is in.") { .init(1, $1 + [("state", $0.state.rawValue)]) }
        add("weight", .gauge, "Its share of the pool's connections.") { .init($0.weight, $1) }
        add("connections", .gauge, "Connections that it has now, attempts among them.") { .init($0.connections, $1) }
        add("failures_in_row", .gauge, "Connects that have failed since one succeeded.") { server, labels in
            server.failuresInRow.map { .init($0, labels) }
        }
        add("ejections", .counter, "How often it was left out for a while.") { .init($0.ejections, $1) }
        metrics.add(
            "server_connects_failed", .counter, "Connects to it that failed, by cause.",
            servers.flatMap { server, labels in
                server.connectFailures.sorted { $0.key < $1.key }
                    .map { .init($0.value, labels + [("cause", $0.key)]) }
            })
    }
}
