/// A hash that notices every changed, moved or missing byte of a message with a probability of 1 − 2⁻⁶⁴ by accident. It is no
/// defence against forgery.
package enum Checksum {
    package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var sum = Draw.mixed(UInt64(bytes.count))
        var index = 0
        while index + 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            sum = Draw.mixed(sum ^ word) &+ 0x9e37_79b9_7f4a_7c15
            index += 8
        }
        while index < bytes.count {
            sum = Draw.mixed(sum ^ UInt64(bytes[index])) &+ 0x9e37_79b9_7f4a_7c15
            index += 1
        }
        return sum
    }
}
