/// The two ends of a connection: the runner's, which opens it, and the far one.
package enum Side: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    case client = 0
    case peer = 1

    package var sends: Direction {
        switch self {
        case .client: .up
        case .peer: .down
        }
    }

    package var receives: Direction { other.sends }

    package var other: Side {
        switch self {
        case .client: .peer
        case .peer: .client
        }
    }

    package var name: String { "\(self)" }
}
