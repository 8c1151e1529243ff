import LinuxCalls

/// The addresses that connections to upstreams come from, in turns. Empty where the kernel is to choose.
package struct SourceTable: ~Copyable {
    package let count: Int
    private let addresses: UnsafeMutablePointer<SocketAddress>
    private var turn = 0

    package init(_ list: [SocketAddress]) {
        count = list.count
        addresses = .allocate(capacity: max(1, list.count))
        addresses.initialize(from: list, count: list.count)
    }

    deinit { addresses.deallocate() }

    /// The next address of that family, nil where there is none: UNIX sockets, or no source was named for it.
    mutating func next(family: Int32) -> UnsafePointer<SocketAddress>? {
        for _ in 0..<count {
            turn = turn + 1 == count ? 0 : turn + 1
            if addresses[turn].family == family { return UnsafePointer(addresses + turn) }
        }
        return nil
    }
}
