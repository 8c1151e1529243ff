/// What every submission carries and every completion brings back: slot 32 bits, generation 24, operation 8.
///
/// The operation byte is the direction (top bit) and the `Operation`. A completion whose generation is not the slot's
/// present one belongs to a knot that is gone; it is counted and dropped.
package struct Tag: RawRepresentable, Equatable, BitwiseCopyable {
    package let rawValue: UInt64

    package static let generationMax: UInt32 = 0xFF_FFFF

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// - Parameter generation: at most `generationMax`; higher bits are cut off.
    package init(slot: UInt32, generation: UInt32, operation: Operation, direction: Direction = .up) {
        rawValue =
            UInt64(slot) << 32 | UInt64(generation & Self.generationMax) << 8
            | UInt64(direction.rawValue) << 7 | UInt64(operation.rawValue)
    }

    package var slot: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
    package var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 8) & Self.generationMax }
    package var direction: Direction { rawValue & 0x80 == 0 ? .up : .down }
    /// nil where the byte is none of ours, which only a kernel fault or a bug can bring.
    package var operation: Operation? { Operation(rawValue: UInt8(truncatingIfNeeded: rawValue & 0x7F)) }

    /// The same slot, generation and direction with another operation: the links of one chain.
    package func with(_ operation: Operation) -> Tag {
        Tag(rawValue: rawValue & ~0x7F | UInt64(operation.rawValue))
    }
}
