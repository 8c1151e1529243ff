/// Puts integers into a buffer, little endian, one after the other. The buffer's end is a trap: lengths are the caller's.
package struct WireWriter {
    private let buffer: UnsafeMutableRawBufferPointer
    private(set) package var index = 0

    package init(_ buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }

    package mutating func put<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        buffer.storeBytes(of: value.littleEndian, toByteOffset: index, as: T.self)
        index += MemoryLayout<T>.size
    }

    /// Zeros up to `end`.
    package mutating func skip(to end: Int) {
        while index < end { put(UInt8(0)) }
    }
}
