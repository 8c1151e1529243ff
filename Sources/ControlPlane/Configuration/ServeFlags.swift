/// The flags of `longsplice serve` as they were written; nil where one was not given.
///
/// They are kept as text up to here so that every refusal is made in one place and in one form.
package struct ServeFlags: Sendable {
    package var listen: [String] = []
    package var upstream: [String] = []
    package var source: [String] = []
    package var balance: String?
    package var fallbackFile: String?
    package var acceptProxy: [String] = []
    package var sendProxy: String?
    package var engine: String?
    package var relay: String?
    package var bufferSize: String?
    package var buffers: String?
    package var spinMicros: String?
    package var ringDepth: String?
    package var completionDepth: String?
    package var workQueueThreads: String?
    package var taskRun: String?
    package var workers: String?
    package var pipeSize: String?
    package var chunkSize: String?
    package var maxConnections: String?
    package var maxConnectionsPerClient: String?
    package var backlog: String?
    package var connectTimeout: String?
    package var idleTimeout: String?
    package var finTimeout: String?
    package var drainTimeout: String?
    package var logFormat: String?
    package var logLevel: String?
    package var stats: String?
    package var accessLog: String?
    package var accessLogFormat: String?
    package var control: String?

    package init() {}
}
