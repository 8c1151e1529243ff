import CLinux

/// What all workers together know of each server, every server on a cache line of its own: plain words, each read and written as a
/// whole, and no lock. A word that is a moment old does no harm.
package final class ServerStates: @unchecked Sendable {
    private let words: UnsafeMutablePointer<Int64>
    /// How often a server has gone down, on a line behind theirs.
    private let fallCount: UnsafeMutablePointer<UInt64>
    private static let stride = 8

    package init(servers: Int) {
        let count = (servers + 1) * Self.stride
        let memory = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<Int64>.stride, alignment: 64)
        words = memory.initializeMemory(as: Int64.self, repeating: 0, count: count)
        fallCount = memory.advanced(by: servers * Self.stride * MemoryLayout<Int64>.stride)
            .bindMemory(to: UInt64.self, capacity: Self.stride)
        fallCount.initialize(repeating: 0, count: Self.stride)
    }

    deinit { UnsafeMutableRawPointer(words).deallocate() }

    package subscript(server: Int) -> State { State(words: words + server * Self.stride) }

    // MARK: Health checks, whose one thread is the only one to call these

    /// Whoever sees that `falls` has grown sees the server down.
    package func goDown(_ server: Int) {
        clinux_set(words + server * Self.stride + 4, 1)
        clinux_hand_over(fallCount, clinux_look(fallCount) &+ 1)
    }

    /// - Parameter now: in milliseconds of the monotonic clock.
    package func comeUp(_ server: Int, at now: Int64) {
        let state = self[server]
        clinux_set(state.words + 5, now)
        state.trust()
        clinux_set(state.words + 4, 0)
    }

    // MARK: Workers

    /// The workers' view. The object must outlive it.
    var base: Base { Base(words: words, fallCount: fallCount) }

    struct Base: BitwiseCopyable {
        fileprivate let words: UnsafeMutablePointer<Int64>
        fileprivate let fallCount: UnsafeMutablePointer<UInt64>

        /// How often a server has gone down.
        var falls: UInt64 { clinux_take_over(fallCount) }

        subscript(server: Int) -> State { State(words: words + server * ServerStates.stride) }
    }

    /// One server's line.
    package struct State: BitwiseCopyable {
        fileprivate let words: UnsafeMutablePointer<Int64>

        /// Connections, of a pool that goes by them; attempts to connect are among them.
        package var connections: Int64 { clinux_count(words) }
        /// Connects that have failed since one succeeded, of a pool that ejects servers.
        package var failuresInRow: Int64 { clinux_count(words + 1) }
        /// Left out until then, in milliseconds of the monotonic clock; 0 for never yet.
        package var ejectedUntilMillis: Int64 { clinux_count(words + 2) }
        /// How often it was left out.
        package var ejections: Int64 { clinux_count(words + 3) }

        /// Its health checks have failed.
        package var isDown: Bool { clinux_count(words + 4) != 0 }
        /// When it came up again after that, in milliseconds of the monotonic clock; 0 for never yet.
        package var upSinceMillis: Int64 { clinux_count(words + 5) }
        /// Passed over until then, of a pool that goes by connections and ejects nobody; 0 where it is not.
        package var doubtedUntilMillis: Int64 { clinux_count(words + 6) }
        /// How often it was passed over since a connect succeeded.
        package var doubts: Int64 { clinux_count(words + 7) }

        /// When it was back after having been down or left out; 0 where it never was.
        var backSinceMillis: Int64 { max(upSinceMillis, ejectedUntilMillis) }

        func addConnections(_ amount: Int64) { _ = clinux_add(words, amount) }

        /// A connect has failed; returns how many that makes in a row.
        func failed() -> Int64 { clinux_add(words + 1, 1) }

        /// A connect has succeeded. Written only where that changes something, so that the line stays shared.
        func succeeded() {
            if failuresInRow != 0 { clinux_set(words + 1, 0) }
        }

        /// Left out until then; false where another worker has just done so.
        func eject(until millis: Int64, at now: Int64) -> Bool {
            guard ejectedUntilMillis <= now else { return false }
            clinux_set(words + 2, millis)
            _ = clinux_add(words + 3, 1)
            return true
        }

        // MARK: Doubt

        /// A connect has failed: it is passed over for a moment. What fails meanwhile was chosen before, or for want of others.
        func doubt(at now: Int64) {
            if doubts == 0 { passOver(1, at: now) }
        }

        /// It has been chosen after its moment was over, and is passed over for a longer one until this attempt has told.
        func tryAgain(at now: Int64) {
            let doubts = doubts
            if doubts != 0 && doubtedUntilMillis <= now { passOver(doubts &+ 1, at: now) }
        }

        /// A connect has succeeded.
        func trust() {
            guard doubts != 0 else { return }
            clinux_set(words + 6, 0)
            clinux_set(words + 7, 0)
        }

        private func passOver(_ count: Int64, at now: Int64) {
            clinux_set(words + 6, now &+ Self.doubtMillis << min(count &- 1, Self.doublingsMax))
            clinux_set(words + 7, count)
        }

        /// The first time; twice as long each time, up to 3.2 s.
        private static var doubtMillis: Int64 { 100 }
        private static var doublingsMax: Int64 { 5 }
    }
}
