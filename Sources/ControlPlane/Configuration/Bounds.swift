import DataPlane

/// The range of each value, for whoever reads one. Defaults are what the model's properties begin with.
package enum Bounds {
    package static let workers = 1...ServeConfiguration.workersMax
    package static let ringDepth = 8...32_768
    package static let completionDepth = 16...65_536
    package static let workQueueThreads = 1...64
    /// Bytes; the upper end is the machine's.
    package static func pipe(_ pipeBytesMax: Int) -> ClosedRange<Int> { 4096...max(4096, pipeBytesMax) }
    /// Bytes; no more than a pipe holds.
    package static let chunk = 4096...(1 << 30)
    /// Bytes.
    package static let buffer = 4096...(1 << 20)
    package static let buffers = 16...BufferMemory.countMax
    /// Microseconds.
    package static let spin = 0...1_000
    package static let connections = 1...ServeConfiguration.connectionsMax
    package static let backlog = 1...65_535
    /// Of a server, tried after the first.
    package static let retries = 0...ServeConfiguration.upstreamsMax
    package static let weight = 1...ServerSettings.weightMax
    package static let portsToListen = 0...65_535
    package static let portsToConnect = 1...65_535
    package static let bytesPerSecond = 1024...(1 << 40)
    package static let fastOpenQueue = 1...65_535
    package static let second = TimeSpan(milliseconds: 1_000)
    /// The kernel takes 32,767 seconds at most for keepalive.
    package static let longestSeconds = TimeSpan(milliseconds: 9 * 3_600_000)
    /// Milliseconds that fit in 31 bits.
    package static let longestUserTimeout = TimeSpan(milliseconds: 480 * 3_600_000)
    package static let shortestTime = TimeSpan(milliseconds: 1)
    /// More lines of statistics would drown the others.
    package static let shortestStats = TimeSpan(milliseconds: 100)
}
