import CLinux

/// Where one worker shows its counters and gauges to the rest of the process: one writer, relaxed stores, no lock.
///
/// Lives as long as the process; the reader sees each word whole, though not all words of the same moment.
package final class CounterBoard: @unchecked Sendable {
    private let words: UnsafeMutablePointer<UInt64>
    private let upstreamCount: Int

    /// What a worker has at this moment.
    package enum Gauge: Int, CaseIterable {
        case active
        case pipesOpen
        case pipesBorrowed
        /// Clients that wait for a server with room.
        case waiting
        /// 1 once the worker has left.
        case left
        /// Of the pools and listeners that the worker goes by (`PoolSet.generation`).
        case generation
    }

    /// Why connecting to one upstream failed.
    package enum ConnectFailure: Int, BitwiseCopyable, CaseIterable {
        case refused
        case timedOut
        case unreachable
        case noPort
        case otherwise
    }

    package init(upstreamCount: Int) {
        self.upstreamCount = upstreamCount
        let count = Counter.count + Gauge.allCases.count + upstreamCount * ConnectFailure.allCases.count
        // A line of 64 bytes before and behind, so that no worker writes into another one's cache line.
        guard let memory = clinux_zeroed(count + 16, MemoryLayout<UInt64>.stride) else {
            preconditionFailure("CounterBoard: out of memory")
        }
        words = memory.advanced(by: 64).bindMemory(to: UInt64.self, capacity: count)
    }

    deinit { clinux_free(UnsafeMutableRawPointer(words).advanced(by: -64)) }

    package subscript(counter: Counter) -> UInt64 { clinux_look(words + counter.rawValue) }

    package subscript(gauge: Gauge) -> UInt64 { clinux_look(words + Counter.count + gauge.rawValue) }

    package func failures(of upstream: Int, _ failure: ConnectFailure) -> UInt64 {
        clinux_look(words + Self.place(of: upstream, failure, upstreamCount))
    }

    /// The worker's side.
    var writer: BoardWriter { BoardWriter(words: words, upstreamCount: upstreamCount) }

    fileprivate static func place(of upstream: Int, _ failure: ConnectFailure, _ upstreamCount: Int) -> Int {
        precondition(upstream < upstreamCount, "CounterBoard: no such upstream")
        return Counter.count + Gauge.allCases.count + upstream * ConnectFailure.allCases.count + failure.rawValue
    }
}

/// The pen of the one worker that writes a board: a plain pointer, so that a turn counts no references. The board must
/// outlive it, which `WorkerControl` sees to.
struct BoardWriter: BitwiseCopyable {
    fileprivate let words: UnsafeMutablePointer<UInt64>
    fileprivate let upstreamCount: Int

    func publish(_ counters: borrowing Counters) {
        for index in 0..<Counter.count { clinux_publish(words + index, counters.base[index]) }
    }

    func publish(_ gauge: CounterBoard.Gauge, _ value: Int) {
        clinux_publish(words + Counter.count + gauge.rawValue, UInt64(max(0, value)))
    }

    func count(_ failure: CounterBoard.ConnectFailure, of upstream: Int) {
        let word = words + CounterBoard.place(of: upstream, failure, upstreamCount)
        clinux_publish(word, word.pointee &+ 1)
    }
}
