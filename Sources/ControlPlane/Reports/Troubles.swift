import DataPlane
import LinuxCalls

/// What went wrong since the last look, as one sentence, however much it was.
package struct Troubles: Sendable {
    /// By their numbers.
    package var upstreams: [SocketAddress]
    private let names: ValueNames
    private var totals: Totals
    private var failures: ConnectFailures

    /// Parts of one sentence at most; the rest is counted.
    private static let partsMax = 4

    package init(upstreams: [SocketAddress], names: ValueNames = .flags) {
        self.upstreams = upstreams
        self.names = names
        totals = Totals([])
        failures = ConnectFailures(upstreamCount: upstreams.count)
    }

    /// Nil where nothing went wrong.
    /// - Parameters:
    ///   - accessLog: what its writer has to say.
    ///   - newFailures: asked for only where some connect has failed, since there may be many upstreams.
    ///   - seconds: since the last look.
    package mutating func sentence(
        _ newTotals: Totals, _ newFailures: () -> ConnectFailures, accessLog: String? = nil, seconds: Int64
    ) -> String? {
        var parts = connecting(newTotals, newFailures)
        if let accessLog { parts.insert(accessLog, at: 0) }
        for (counter, words) in sentences {
            let count = newTotals[counter] &- totals[counter]
            if count > 0 { parts.append("\(words) \(Self.times(count))") }
        }
        totals = newTotals
        guard !parts.isEmpty else { return nil }
        let shown = parts.prefix(Self.partsMax).joined(separator: "; ")
        let rest =
            parts.count > Self.partsMax
            ? "; and \(parts.count - Self.partsMax) other \(parts.count - Self.partsMax == 1 ? "trouble" : "troubles")"
            : ""
        return "\(shown)\(rest) in the last \(max(1, seconds)) s"
    }

    private mutating func connecting(_ newTotals: Totals, _ newFailures: () -> ConnectFailures) -> [String] {
        let causes = ConnectFailures.Cause.allCases
        guard causes.contains(where: { newTotals[$0.counter] != totals[$0.counter] }) else { return [] }
        let failures = newFailures()
        let added = failures.added(since: self.failures).sorted { $0.count > $1.count }
        self.failures = failures
        return added.map { entry in
            let connects = entry.count == 1 ? "connect" : "connects"
            return "upstream \(upstreams[entry.upstream]): \(entry.count) \(connects) \(entry.cause.words)"
        }
    }

    private var sentences: [(Counter, String)] {
        [
            (.acceptShortOfDescriptors, "accepting waited for descriptors (RLIMIT_NOFILE)"),
            (.acceptShortOfMemory, "accepting waited for memory"),
            (.acceptFailedOtherwise, "accepting failed"),
            (.acceptPausedAtLimit, "accepting paused at \(names.maxConnections)"),
            (.refusedAtLimit, "a connection above \(names.maxConnections) was reset"),
            (.refusedPerClient, "a connection above \(names.maxConnectionsPerClient) was reset"),
            (.refusedAtListenerLimit, "a connection above its listener's limits.connections was reset"),
            (.refusedPerClientOfListener, "a connection above its listener's limits.per_client was reset"),
            (.refusedByRate, "a client that came faster than its listener's limits.rate_per_client was reset"),
            (
                .refusedQueueFull,
                "a client was refused, since all servers and the queue of its pool were full (server_limits)"
            ),
            (.refusedQueueTimeout, "a client was refused after its pool's server_limits.queue_timeout"),
            (.recordsDropped, "the access log was behind and a record was dropped"),
            (.cutForShortage, "a client was reset for want of a descriptor for its upstream (RLIMIT_NOFILE)"),
            (.pipesUnavailable, "no pipe could be had, so bytes are copied (fs.pipe-user-pages-soft, RLIMIT_NOFILE)"),
            (.completionsDropped, "the kernel dropped completions"),
        ]
    }

    private static func times(_ count: UInt64) -> String { count == 1 ? "once" : "\(count) times" }
}
