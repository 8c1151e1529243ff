import LinuxCalls

/// The upstreams' addresses and whose turn it is: round robin, each worker by itself.
package struct UpstreamTable: ~Copyable {
    package let count: Int
    private let addresses: UnsafeMutablePointer<SocketAddress>
    private var turn: Int

    /// - Parameter startingAt: lets workers begin at different upstreams.
    package init(_ list: [SocketAddress], startingAt: Int = 0) {
        count = list.count
        addresses = .allocate(capacity: max(1, list.count))
        addresses.initialize(from: list, count: list.count)
        turn = list.isEmpty ? 0 : startingAt % list.count
    }

    deinit { addresses.deallocate() }

    /// Stays where it is, so that the kernel may read it until the submission is done.
    package func address(_ index: Int) -> UnsafePointer<SocketAddress> {
        precondition(index < count, "UpstreamTable: no such upstream")
        return UnsafePointer(addresses + index)
    }

    /// The upstream for a new connection.
    mutating func choose() -> Int {
        let chosen = turn
        turn = after(turn)
        return chosen
    }

    /// The one to try when `index` could not be connected.
    func after(_ index: Int) -> Int { index + 1 == count ? 0 : index + 1 }
}
