/// The poll events the worker looks at (poll(2)).
package enum PollEvents {
    package static let readable: Int32 = 0x001
    package static let writable: Int32 = 0x004
    package static let error: Int32 = 0x008
    package static let hangup: Int32 = 0x010
    /// The peer has sent FIN: POLLRDHUP, which not every C library shows.
    package static let readHangup: Int32 = 0x2000

    /// The connection is gone in both directions.
    package static func tellLoss(_ events: Int32) -> Bool { events & (hangup | error) != 0 }
}
