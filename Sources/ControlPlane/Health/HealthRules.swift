/// How the servers of a pool are checked.
package struct HealthRules: Equatable, Sendable {
    /// From the beginning of one check of a server to that of its next.
    package var intervalMillis: Int64 = 2_000
    /// Checks in a row that have to succeed before a server that is down is up.
    package var rise = 2
    /// Checks in a row that have to fail before a server is down.
    package var fall = 3
    /// For one check as a whole.
    package var timeoutMillis: Int64 = 1_000
    /// What a server is told once it is connected.
    package var send: [UInt8] = []
    /// What has to occur in its answer; where it is empty, no answer is waited for.
    package var expect: [UInt8] = []

    package init() {}

    /// Bytes of an answer that are read.
    static let answerBytesMax = 4_096
}
