/// The poll events that say a connection is gone (poll(2)).
package enum Lost {
    /// POLLHUP.
    package static let hangup: Int32 = 0x10
    /// POLLERR.
    package static let error: Int32 = 0x08

    package static func isTold(by events: Int32) -> Bool { events & (hangup | error) != 0 }
}
