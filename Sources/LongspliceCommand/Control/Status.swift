import ArgumentParser
import ControlMessages
import ControlPlane

/// `longsplice status`
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say how a running longsplice serve is.")

    @OptionGroup var process: ControlFlags

    @Flag(help: "What GET /status answers, as it is.")
    var json = false

    func run() throws {
        if json {
            print(String(decoding: try process.call("GET", "/status"), as: UTF8.self), terminator: "")
            return
        }
        let status: ControlStatus = try process.call("GET", "/status")
        let pools: [ControlPool] = try process.call("GET", "/pools")
        for line in StatusText.lines(status, pools) { print(Escape.controls(in: line)) }
    }
}

/// A status for whoever reads it.
enum StatusText {
    static func lines(_ status: ControlStatus, _ pools: [ControlPool]) -> [String] {
        let (count, uptime) = (status.workers, Int64(status.uptimeSeconds))
        var lines = [
            "longsplice \(status.version), process \(status.pid), \(status.engine) with \(count) \(count == 1 ? "worker" : "workers"), for \(span(uptime))",
            "configuration \(status.generation.number), since \(status.generation.loadedAt)",
        ]
        if let reload = status.lastReload {
            lines.append("last reload at \(reload.at) \(reload.succeeded ? "succeeded" : "failed"):")
            lines += reload.lines.map { "  \($0)" }
        }
        if let drain = status.drain {
            lines.append("draining; what is left is reset in \(span(Int64(drain.secondsLeft)))")
        }
        let connections = status.connections
        lines.append(
            "\(connections.active) connections, \(connections.accepted) since the start, \(size(connections.bytesUp)) up and \(size(connections.bytesDown)) down"
        )
        for listener in status.listeners {
            lines.append("listener \(listener.name): \(listener.addresses.joined(separator: ", "))")
        }
        return lines + pools.map(line)
    }

    /// `pool web: 3 servers, 2 up, 1 down; 12 connections`
    private static func line(_ pool: ControlPool) -> String {
        let states = ControlServer.State.allCases.compactMap { state -> String? in
            let count = pool.servers.count { $0.state == state }
            return count == 0 ? nil : "\(count) \(words(state))"
        }
        let connections = pool.servers.reduce(0) { $0 + $1.connections }
        let count = pool.servers.count
        return
            "pool \(pool.name): \(([count == 1 ? "1 server" : "\(count) servers"] + states).joined(separator: ", ")); \(connections) connections"
    }

    static func words(_ state: ControlServer.State) -> String {
        switch state {
        case .up: "up"
        case .down: "down"
        case .ejected: "left out"
        case .draining: "draining"
        case .slowStart: "starting slowly"
        }
    }

    /// Whole seconds as `1d 2h`, `3h 4m`, `5m 6s` or `7s`.
    static func span(_ seconds: Int64) -> String {
        let parts = [
            (seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s"),
        ]
        let from = parts.firstIndex { $0.0 > 0 } ?? 3
        return parts[from...].prefix(2).map { "\($0.0)\($0.1)" }.joined(separator: " ")
    }

    /// Bytes as `12B`, `3.4KiB` or `5.6GiB`.
    static func size(_ bytes: UInt64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var (unit, scale) = (0, UInt64(1))
        while unit + 1 < units.count && bytes / scale >= 1_024 { (unit, scale) = (unit + 1, scale << 10) }
        guard unit > 0 else { return "\(bytes)B" }
        let tenths = bytes / (scale / 16) * 10 / 16
        return "\(tenths / 10).\(tenths % 10)\(units[unit])"
    }
}
