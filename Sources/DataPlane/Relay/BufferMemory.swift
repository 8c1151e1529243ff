import CLinux

/// The worker's receive buffers as plain memory, all of one size. The engine owns it, since the kernel writes into it.
package struct BufferMemory: BitwiseCopyable {
    package let base: UnsafeMutableRawPointer
    /// Bytes of one buffer.
    package let bytes: Int
    package let count: Int

    /// A buffer's number has 16 bits in a completion, and the kernel's ring of buffers has at most so many places
    /// (io_uring_register(2), IORING_REGISTER_PBUF_RING).
    package static let countMax = 32_768

    /// Reserves the memory; it costs nothing until it is used. nil where there is none.
    static func reserve(_ settings: BufferSettings) -> BufferMemory? {
        precondition(settings.bytes > 0 && 1...countMax ~= settings.count, "BufferMemory: settings out of range")
        guard let base = clinux_zeroed(settings.count, settings.bytes + colourBytes) else { return nil }
        return BufferMemory(base: base, bytes: settings.bytes, count: settings.count)
    }

    func release() { clinux_free(base) }

    package func start(of buffer: UInt16) -> UnsafeMutableRawPointer {
        precondition(Int(buffer) < count, "BufferMemory: no such buffer")
        return base + Int(buffer) * (bytes + Self.colourBytes)
    }

    /// Small messages touch the first line of each buffer only. A line more per buffer spreads those over the cache's sets,
    /// which would all be the same one if buffers began at multiples of a power of two.
    private static var colourBytes: Int { 64 }
}

/// How many receive buffers each worker has, and of what size.
package struct BufferSettings: Sendable, Equatable, BitwiseCopyable {
    package var bytes = 16_384
    package var count = 4_096

    package init() {}
}

/// A part of one buffer: what is to be sent.
package struct BufferSlice: BitwiseCopyable, Equatable {
    package let buffer: UInt16
    package let offset: UInt32
    package let length: UInt32

    package init(buffer: UInt16, offset: UInt32, length: UInt32) {
        self.buffer = buffer
        self.offset = offset
        self.length = length
    }
}
