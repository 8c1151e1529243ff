import CLinux

/// A client that was accepted and that no worker serves yet. Its connection is counted already.
struct Newcomer: BitwiseCopyable, Equatable {
    let socket: Int32
    /// The listener it came from, in the order in which every worker was given them.
    let listener: UInt16
    let isTCP: Bool
    let acceptedAtMillis: Int64
}

extension Inbox<Newcomer> {
    /// One whose worker was never told to leave may have some left.
    convenience init(capacity: Int = Inbox.capacity) {
        self.init(capacity: capacity, letGo: { _ = clinux_close($0.socket) })
    }
}
