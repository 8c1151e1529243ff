import CLinux

/// How many connections each server has, of all workers together. Every word is on a cache line of its own.
package final class ServerLoads: @unchecked Sendable {
    private let words: UnsafeMutablePointer<Int64>
    private static let stride = 8

    package init(servers: Int) {
        let count = max(1, servers) * Self.stride
        let memory = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<Int64>.stride, alignment: 64)
        words = memory.initializeMemory(as: Int64.self, repeating: 0, count: count)
    }

    deinit { UnsafeMutableRawPointer(words).deallocate() }

    package subscript(server: Int) -> Int64 { gauge[server] }

    /// A worker's view: a plain pointer. This object must outlive it.
    var gauge: Gauge { Gauge(words: words) }

    struct Gauge: BitwiseCopyable {
        fileprivate let words: UnsafeMutablePointer<Int64>

        subscript(server: Int) -> Int64 { clinux_count(words + server * ServerLoads.stride) }
        func add(_ amount: Int64, _ server: Int) { _ = clinux_add(words + server * ServerLoads.stride, amount) }
    }
}
