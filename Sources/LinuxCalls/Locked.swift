import CLinux

/// A value behind a mutex (pthread_mutex_lock(3)), for what several threads change now and then.
///
/// Not the Swift library's own: that one is unknown to ThreadSanitizer, and fails in a forked child.
package final class Locked<Value>: @unchecked Sendable {
    private let mutex: UnsafeMutableRawPointer
    private var value: Value

    package init(_ value: Value) {
        guard let made = clinux_mutex() else { preconditionFailure("Locked: out of memory") }
        mutex = made
        self.value = value
    }

    deinit { clinux_mutex_free(mutex) }

    package func withLock<R, Failure: Error>(_ body: (inout Value) throws(Failure) -> R) throws(Failure) -> R {
        clinux_mutex_lock(mutex)
        defer { clinux_mutex_unlock(mutex) }
        return try body(&value)
    }
}
