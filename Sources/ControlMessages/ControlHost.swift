/// Whoever serves, as the control socket sees it.
package protocol ControlHost: Sendable {
    /// Answers within a bounded time, be it that there is no answer.
    func answer(_ order: ControlOrder) async -> ControlAnswer
}

/// What can be asked of a running server.
package enum ControlOrder: Equatable, Sendable {
    case status
    case configuration
    case pools
    case metrics
    /// Takes over the configuration file as it is now.
    case reload
    /// What would change if this file were taken over instead; nil for the file that is served.
    case plan(path: String?)
    /// Begins the end of the process: no more connections.
    case drain
    case server(ServerOrder, server: String, pool: String)
}

/// What is to become of one server.
package enum ServerOrder: Equatable, Sendable {
    /// It gets no more connections; those that it has stay.
    case drain
    /// It gets connections again.
    case enable
    case weight(Int)
    /// A server that its pool does not have; nil for a weight of 1.
    case add(weight: Int?, isBackup: Bool)
    case remove
}

package enum ControlAnswer: Equatable, Sendable {
    case status(ControlStatus)
    case configuration(ControlConfiguration)
    case pools([ControlPool])
    /// In the Prometheus text format, version 0.0.4.
    case metrics(String)
    /// What was done, has begun, or would be done.
    case changes(ControlChanges)
    case failure(ControlFailure)
}

/// Why something is not done, in the form `WHAT; CURE`.
package struct ControlFailure: Error, Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        /// The order is wrong by itself.
        case wrong
        /// There is no such thing.
        case unknown
        /// It cannot be done as things stand.
        case conflict
        /// There is no answer in time.
        case unavailable
    }

    package let kind: Kind
    package let sentence: String

    package init(_ kind: Kind, _ sentence: String) {
        self.kind = kind
        self.sentence = sentence
    }
}
