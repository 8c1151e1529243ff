import CLinux
import LinuxCalls

/// Wakes the one thread that reads what all workers put into their queues: an eventfd(2), rung only while the reader sleeps.
package final class OutBell: @unchecked Sendable {
    package let event: Int32
    fileprivate let sleeping: UnsafeMutablePointer<UInt64>

    package init() throws(SystemError) {
        event = try checked(clinux_event(), "eventfd")
        sleeping = .allocate(capacity: 1)
        sleeping.initialize(to: 0)
    }

    deinit {
        _ = clinux_close(event)
        sleeping.deallocate()
    }

    /// The reader is about to sleep. It has to look at all queues once more after this, and then only at the event.
    package func fallAsleep() {
        clinux_publish(sleeping, 1)
        clinux_fence()
    }

    package func wakeUp() {
        clinux_publish(sleeping, 0)
        _ = clinux_event_clear(event)
    }

    /// For orders, which are rare: rings in any case.
    package func ring() { _ = clinux_event_ring(event) }

    var rope: BellRope { BellRope(sleeping: sleeping, event: event) }
}

/// The workers' end of the bell, a plain pointer; the bell must outlive it.
struct BellRope: BitwiseCopyable {
    fileprivate let sleeping: UnsafeMutablePointer<UInt64>
    let event: Int32

    /// True for one caller each time the reader sleeps: that one rings.
    ///
    /// Called after an item was handed over. Either the reader sees the item before it sleeps, or this sees that it does.
    func mustRing() -> Bool {
        clinux_fence()
        return clinux_look(sleeping) != 0 && clinux_exchange(sleeping, 0) != 0
    }
}
