/// How long a knot may stay as it is, in milliseconds.
package struct Timeouts: BitwiseCopyable, Sendable {
    /// All that a client has to say before a server is chosen for it, from accept on.
    package var greetingMillis: Int64 = 3_000
    /// One attempt to connect to one upstream.
    package var connectMillis: Int64 = 5_000
    /// A pair over which nothing moves.
    package var idleMillis: Int64 = 3_600_000
    /// A half-closed pair over which nothing moves while no byte waits for a slow reader; also how long the bytes before a
    /// reset may take to reach the survivor.
    package var finMillis: Int64 = 30_000
    /// How long a direction keeps its pipe after its last byte.
    package var pipeIdleMillis: Int64 = 250

    package init() {}
}
