/// One thing that must not happen, and where it did.
package struct Violation: BitwiseCopyable, Equatable, Sendable {
    package enum Kind: UInt8, BitwiseCopyable, Sendable, CaseIterable {
        case lostBytes = 0
        case repeatedBytes = 1
        case foreignBytes = 2
        case corruptBytes = 3
        /// The stream ended too early, by FIN.
        case missingBytes = 4
        case extraBytes = 5
        /// RST came before bytes that had been sent long before it.
        case bytesLostAtReset = 6
        case finInsteadOfReset = 7
        case resetInsteadOfFin = 8
        case resetAfterFin = 9
        case halfCloseForgotten = 10
        case stuck = 11
        case connectFailed = 12
        case unknownToPeer = 13
        case seenTwice = 14
        /// More was received than the other side says it has sent, or less without a reason.
        case countsDisagree = 15
        case failed = 16
        /// The side that was to break off was cut off before.
        case unexpectedFin = 17
        case unexpectedReset = 18

        /// As reports spell it.
        package var name: String { Self.snakeCase("\(self)") }

        private static func snakeCase(_ name: String) -> String {
            name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : String($1) }
        }

        /// A stream that is not the one that was sent.
        package var isOfBytes: Bool {
            switch self {
            case .lostBytes, .repeatedBytes, .foreignBytes, .corruptBytes, .missingBytes, .extraBytes,
                .bytesLostAtReset:
                true
            case .finInsteadOfReset, .resetInsteadOfFin, .resetAfterFin, .halfCloseForgotten, .stuck, .connectFailed,
                .unknownToPeer, .seenTwice, .countsDisagree, .failed, .unexpectedFin, .unexpectedReset:
                false
            }
        }

        init(_ damage: Damage.Kind) {
            self =
                switch damage {
                case .lost: .lostBytes
                case .repeated: .repeatedBytes
                case .foreign: .foreignBytes
                case .corrupt: .corruptBytes
                }
        }
    }

    package var kind: Kind
    package var id: UInt64
    /// Who noticed.
    package var side: Side
    package var direction: Direction
    package var offset: UInt64 = 0
    package var expected: UInt8 = 0
    package var got: UInt8 = 0
    /// Where wrong bytes belong, as far as that is known.
    package var origin: StreamPlace?
    /// Where both directions stood at that side.
    package var sent: UInt64 = 0
    package var received: UInt64 = 0
    /// An errno, positive; 0 for none.
    package var errno: Int32 = 0

    package init(_ kind: Kind, id: UInt64, side: Side, direction: Direction) {
        self.kind = kind
        self.id = id
        self.side = side
        self.direction = direction
    }
}
