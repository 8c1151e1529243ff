import CLinux
import LinuxCalls

/// Waits for one socket, for set-up and reports.
final class Waiter {
    private let poller: Int32

    /// Nil for want of descriptors.
    init?(_ socket: Int32) {
        poller = clinux_epoll_create()
        guard poller >= 0 else { return nil }
        guard clinux_epoll_add(poller, socket, clinux_epoll_in | clinux_epoll_out) >= 0 else { return nil }
    }

    deinit { if poller >= 0 { _ = clinux_close(poller) } }

    /// True when something has changed, false when the time is over.
    func wait(until deadline: Int64) -> Bool {
        let left = deadline - Clock.nowNanoseconds()
        guard left > 0 else { return false }
        var event = clinux_epoll_event()
        return clinux_epoll_wait(poller, &event, 1, left) > 0
    }

    /// Sleeps.
    static func pause(nanoseconds: Int64) {
        let poller = clinux_epoll_create()
        var event = clinux_epoll_event()
        _ = clinux_epoll_wait(poller, &event, 1, nanoseconds)
        if poller >= 0 { _ = clinux_close(poller) }
    }
}
