/// Takes integers out of a stranger's buffer, little endian, one after the other. Behind the end there are zeros, never a trap;
/// `isShort` tells of them.
package struct WireReader {
    private let buffer: UnsafeRawBufferPointer
    private(set) package var index = 0
    private(set) package var isShort = false

    package init(_ buffer: UnsafeRawBufferPointer) { self.buffer = buffer }

    package mutating func take<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) -> T {
        let size = MemoryLayout<T>.size
        guard size <= buffer.count - index else {
            isShort = true
            return 0
        }
        defer { index += size }
        return T(littleEndian: buffer.loadUnaligned(fromByteOffset: index, as: T.self))
    }

    package mutating func skip(_ bytes: Int) {
        guard bytes >= 0, bytes <= buffer.count - index else {
            isShort = true
            return
        }
        index += bytes
    }
}
