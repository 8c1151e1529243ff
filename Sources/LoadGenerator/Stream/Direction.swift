/// Up is what the client sends, down is what the peer sends.
package enum Direction: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    case up = 0
    case down = 1

    package var name: String {
        switch self {
        case .up: "up"
        case .down: "down"
        }
    }
}
