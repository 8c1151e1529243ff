import CLinux

/// Connections of all workers together: the one number that workers share, changed once for each connection.
package final class ConnectionCount: @unchecked Sendable {
    private let word: UnsafeMutablePointer<Int64>

    package init() {
        word = .allocate(capacity: 1)
        word.initialize(to: 0)
    }

    deinit { word.deallocate() }

    /// The new count.
    func add(_ amount: Int64) -> Int64 { clinux_add(word, amount) }

    package var current: Int { Int(clinux_count(word)) }
}
