import CLinux
import LinuxCalls

/// A body on a thread of its own, to be joined once.
final class LoopThread: @unchecked Sendable {
    private let body: @Sendable () -> Void
    private var thread: UInt64 = 0

    init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        self.body = {
            _ = clinux_name_thread(name)
            body()
        }
        let entry: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
            guard let context else { return }
            Unmanaged<LoopThread>.fromOpaque(context).takeRetainedValue().body()
        }
        let retained = Unmanaged.passRetained(self)
        let started = clinux_thread_start(&thread, entry, retained.toOpaque())
        guard started >= 0 else {
            retained.release()
            throw SystemError(started, in: "pthread_create")
        }
    }

    func join() { _ = clinux_thread_join(thread) }
}
