/// What values are called where they were written, for sentences that name one.
package struct ValueNames: Sendable {
    package let engine: String
    package let workers: String
    package let ringDepth: String
    package let completionDepth: String
    /// With the value `coop`.
    package let cooperativeTaskRun: String
    package let pipeSize: String
    package let maxConnections: String
    package let maxConnectionsPerClient: String
    package let accessLog: String

    package static let flags = ValueNames(
        engine: "--engine", workers: "--workers", ringDepth: "--ring-depth", completionDepth: "--cq-depth",
        cooperativeTaskRun: "--ring-taskrun coop", pipeSize: "--pipe-size", maxConnections: "--max-connections",
        maxConnectionsPerClient: "--max-connections-per-client", accessLog: "--access-log")

    /// The keys of a configuration file.
    package static let file = ValueNames(
        engine: "engine", workers: "workers", ringDepth: "uring.ring_depth", completionDepth: "uring.cq_depth",
        cooperativeTaskRun: "uring.taskrun: coop", pipeSize: "pipes.size", maxConnections: "limits.connections",
        maxConnectionsPerClient: "limits.connections_per_client", accessLog: "access_log.to")
}
