import CLinux

/// How many connections each worker of a group has or has been handed: one word for each, on a cache line of its own, changed
/// twice in a connection's life and looked at for each accept.
package final class WorkerLoads: @unchecked Sendable {
    package let count: Int
    private let words: UnsafeMutablePointer<Int64>

    package init(workers: Int) {
        precondition(workers > 0, "WorkerLoads: without workers")
        count = workers
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: workers * LoadWords.stride * MemoryLayout<Int64>.stride, alignment: 64)
        words = memory.initializeMemory(as: Int64.self, repeating: 0, count: workers * LoadWords.stride)
    }

    deinit { UnsafeMutableRawPointer(words).deallocate() }

    package subscript(worker: Int) -> Int { Int(sides[worker]) }

    /// The workers' side.
    var sides: LoadWords { LoadWords(words: words, count: count) }
}

/// The workers' side of `WorkerLoads`, which must outlive it.
struct LoadWords: BitwiseCopyable {
    fileprivate let words: UnsafeMutablePointer<Int64>
    let count: Int

    /// Words from one worker's to the next one's: a cache line of 64 bytes.
    fileprivate static let stride = 8
    /// More of the others are not looked at for one accept, so that many workers do not make it dear.
    static let looksMax = 16

    subscript(worker: Int) -> Int64 { clinux_count(words + worker &* Self.stride) }

    /// The new load.
    func add(_ amount: Int64, to worker: Int) -> Int64 { clinux_add(words + worker &* Self.stride, amount) }

    /// The least loaded of the others that are looked at, those behind `start` in the circle of workers. Nil for a worker
    /// that is alone.
    func leastOther(than own: Int, lookingFrom start: Int) -> (worker: Int, load: Int64)? {
        var least: (worker: Int, load: Int64)?
        var at = start
        for _ in 0..<min(count, Self.looksMax + 1) {
            at = at &+ 1 < count ? at &+ 1 : 0
            guard at != own else { continue }
            let load = self[at]
            if load < least?.load ?? .max { least = (at, load) }
        }
        return least
    }

    /// Whether a newcomer is worth a hand-over: few connections are spread exactly, thousands are left where the kernel's hash
    /// put them.
    /// - Parameters:
    ///   - own: of the worker that accepted it, the newcomer included.
    ///   - least: of the least loaded other one, without it.
    static func isUneven(own: Int64, least: Int64) -> Bool { own > least &+ 1 &+ least / 8 }
}
