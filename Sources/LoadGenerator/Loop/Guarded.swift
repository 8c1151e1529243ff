import LinuxCalls

/// A value that one thread at a time may touch.
///
/// A semaphore and not `Synchronization.Mutex`, which ThreadSanitizer does not see through.
final class Guarded<Value>: @unchecked Sendable {
    private var value: Value
    private let turn = Semaphore()

    init(_ value: Value) {
        self.value = value
        turn.post()
    }

    func withLock<R>(_ body: (inout Value) -> R) -> R {
        turn.wait()
        defer { turn.post() }
        return body(&value)
    }
}
