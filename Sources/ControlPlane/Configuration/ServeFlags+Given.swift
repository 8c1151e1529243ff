extension ServeFlags {
    /// Every flag that was given, with the key of a file that says the same.
    package var given: [(flag: String, key: String)] {
        [
            (listen.isEmpty ? nil : "", "--listen", "listeners[].bind"),
            (upstream.isEmpty ? nil : "", "--upstream", "pools[].servers"),
            (source.isEmpty ? nil : "", "--source", "pools[].connect.source"),
            (balance, "--balance", "pools[].balance"),
            (fallbackFile, "--fallback-file", "pools[].fallback_file"),
            (acceptProxy.isEmpty ? nil : "", "--accept-proxy", "listeners[].proxy_protocol.accept"),
            (sendProxy, "--send-proxy", "pools[].proxy_protocol.send"),
            (engine, "--engine", "engine"),
            (relay, "--relay", "relay"),
            (bufferSize, "--buffer-size", "buffers.size"),
            (buffers, "--buffers", "buffers.count"),
            (spinMicros, "--spin-micros", "spin_micros"),
            (ringDepth, "--ring-depth", "uring.ring_depth"),
            (completionDepth, "--cq-depth", "uring.cq_depth"),
            (workQueueThreads, "--iowq-workers", "uring.iowq_workers"),
            (taskRun, "--ring-taskrun", "uring.taskrun"),
            (workers, "--workers", "workers"),
            (pipeSize, "--pipe-size", "pipes.size"),
            (chunkSize, "--chunk-size", "pipes.chunk"),
            (maxConnections, "--max-connections", "limits.connections"),
            (maxConnectionsPerClient, "--max-connections-per-client", "limits.connections_per_client"),
            (backlog, "--backlog", "listeners[].backlog"),
            (connectTimeout, "--connect-timeout", "pools[].connect.timeout"),
            (idleTimeout, "--idle-timeout", "pools[].timeouts.idle"),
            (finTimeout, "--fin-timeout", "pools[].timeouts.fin"),
            (drainTimeout, "--drain-timeout", "drain_timeout"),
            (logFormat, "--log-format", "log.format"),
            (logLevel, "--log-level", "log.level"),
            (stats, "--stats", "log.stats"),
            (accessLog, "--access-log", "access_log.to"),
            (accessLogFormat, "--access-log-format", "access_log.format"),
            (control, "--control", "control.socket"),
        ].compactMap { value, flag, key in value.map { _ in (flag, key) } }
    }

    /// These two go with a file, and before what it says: they are for a look at one run.
    private static let withFile = ["--log-format", "--log-level"]

    /// Throws where a flag was given that a file cannot go with.
    package func refuseBesideFile() throws(Refusal) {
        guard let wrong = given.first(where: { !Self.withFile.contains($0.flag) }) else { return }
        throw Refusal(
            .usage,
            "\(wrong.flag) cannot go with --config; write \(wrong.key) into the file, or leave --config out")
    }
}
