/// How long a knot may stay as it is, in milliseconds.
package struct Timeouts: BitwiseCopyable, Equatable, Sendable {
    /// All that a client has to say before a server is chosen for it, from accept on.
    package var greetingMillis: Int64 = 3_000
    /// One attempt to connect to one upstream.
    package var connectMillis: Int64 = 5_000
    /// A client that waits for a server with room; nil for `connectMillis`.
    package var queueMillis: Int64?
    /// A pair over which nothing moves.
    package var idleMillis: Int64 = 3_600_000
    /// A half-closed pair over which nothing moves while no byte waits for a slow reader; also how long the bytes before a
    /// reset may take to reach the survivor.
    package var finMillis: Int64 = 30_000
    /// The same for a pair whose client has ended first, or whose server has; nil for `finMillis`.
    package var clientFinMillis: Int64?
    package var serverFinMillis: Int64?
    /// How long a direction keeps its pipe after its last byte.
    package var pipeIdleMillis: Int64 = 250
    /// A pair, however busy; `max` for no bound.
    package var lifetimeMillis: Int64 = .max
    /// Hundredths of that; each pair has its own part of them taken off, so that pairs that began together do not end together.
    package var lifetimeJitterPercent: Int64 = 0

    package init() {}

    var waitMillis: Int64 { queueMillis ?? connectMillis }

    /// Whoever has ended first.
    package var finMillisMax: Int64 { max(finMillis(after: .client), finMillis(after: .upstream)) }

    func finMillis(after first: Side) -> Int64 {
        (first == .client ? clientFinMillis : serverFinMillis) ?? finMillis
    }
}
