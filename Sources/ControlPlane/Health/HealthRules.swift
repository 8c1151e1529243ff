import DataPlane

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

extension HeaderRules {
    /// What servers get that are told of their clients, where there is none: LOCAL, or UNKNOWN in version 1.
    var ofNobody: [UInt8] {
        Array(unsafeUninitializedCapacity: 64) { buffer, count in
            let header = UnsafeMutableRawBufferPointer(buffer)
            count =
                switch version {
                case .v1: ProxyHeaderWriter.writeV1(source: .unknown, destination: .unknown, into: header)
                case .v2: ProxyHeaderWriter.writeV2Local(into: header)
                }
        }
    }
}
