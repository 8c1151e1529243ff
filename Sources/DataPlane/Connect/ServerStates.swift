import CLinux
import LinuxCalls

/// What all workers together know of each server, every server on a cache line of its own: plain words, each read and written as a
/// whole, and no lock. A word that is a moment old does no harm. Beside them the servers' addresses.
///
/// Servers are known by numbers, which they keep for life; a number is given to another server only when no worker can mean the old
/// one any more.
package final class ServerStates: @unchecked Sendable {
    package let capacity: Int
    private let words: UnsafeMutablePointer<Int64>
    /// How often a server has gone down, on a line behind theirs.
    private let fallCount: UnsafeMutablePointer<UInt64>
    private let addresses: UnsafeMutablePointer<SocketAddress>
    private let memory: UnsafeMutableRawPointer
    private static let stride = 8

    /// - Parameter servers: numbers that there may be. Memory is only reserved for them, and touched as they are used.
    package init(servers: Int) {
        capacity = servers
        let line = Self.stride * MemoryLayout<Int64>.stride
        // One line for the falls, and one to begin at a line's start.
        guard let memory = clinux_zeroed(servers + 2, line),
            let addresses = clinux_zeroed(max(1, servers), MemoryLayout<SocketAddress>.stride)
        else { preconditionFailure("ServerStates: out of memory") }
        self.memory = memory
        let start = memory.advanced(by: (line - Int(bitPattern: memory) % line) % line)
        words = start.bindMemory(to: Int64.self, capacity: servers * Self.stride)
        fallCount = start.advanced(by: servers * line).bindMemory(to: UInt64.self, capacity: Self.stride)
        self.addresses = addresses.bindMemory(to: SocketAddress.self, capacity: max(1, servers))
    }

    deinit {
        clinux_free(memory)
        clinux_free(addresses)
    }

    package subscript(server: Int) -> State { State(words: words + server * Self.stride) }

    /// Gives a number to a server of which nothing is known yet. No worker may know the number.
    package func admit(_ server: Int, _ address: SocketAddress) {
        precondition(server < capacity, "ServerStates: no such number")
        for index in 0..<Self.stride { clinux_set(words + server * Self.stride + index, 0) }
        (addresses + server).initialize(to: address)
    }

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
    var base: Base { Base(words: words, fallCount: fallCount, addresses: addresses, capacity: capacity) }

    struct Base: BitwiseCopyable {
        fileprivate let words: UnsafeMutablePointer<Int64>
        fileprivate let fallCount: UnsafeMutablePointer<UInt64>
        fileprivate let addresses: UnsafeMutablePointer<SocketAddress>
        fileprivate let capacity: Int

        /// Stays where it is, so that the kernel may read it until a submission is done.
        func address(_ server: UInt16) -> UnsafePointer<SocketAddress> {
            precondition(Int(server) < capacity, "ServerStates: no such server")
            return UnsafePointer(addresses + Int(server))
        }

        /// How often a server has gone down.
        var falls: UInt64 { clinux_take_over(fallCount) }

        subscript(server: Int) -> State { State(words: words + server * ServerStates.stride) }
    }

    /// One server's line.
    package struct State: BitwiseCopyable {
        fileprivate let words: UnsafeMutablePointer<Int64>

        /// Connections, attempts to connect among them.
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

        /// One connection more, where that is no more than `limit`.
        func addConnection(within limit: Int64) -> Bool { clinux_add_within(words, limit) != 0 }

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
