import CLinux

/// A body on a thread of its own (pthreads(7)), to be joined or detached once.
///
/// The body is let go of when it begins, so its owner may hold this and be held by the body meanwhile.
package final class NamedThread: @unchecked Sendable {
    // Written here before the thread is made, and by the thread alone afterwards.
    private var body: (@Sendable () -> Void)?
    private let name: String
    private var thread: UInt64 = 0

    /// Starts at once. Throws what pthread_create(3) says.
    /// - Parameter name: at most 15 bytes are shown (pthread_setname_np(3)).
    package init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        self.name = name
        self.body = body
        let entry: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
            guard let context else { return }
            Unmanaged<NamedThread>.fromOpaque(context).takeRetainedValue().main()
        }
        let retained = Unmanaged.passRetained(self)
        let started = clinux_thread_start(&thread, entry, retained.toOpaque())
        guard started >= 0 else {
            retained.release()
            throw SystemError(started, in: "pthread_create")
        }
    }

    /// Nobody will wait for its end, and what it holds is given back then (pthread_detach(3)).
    package func detach() { _ = clinux_thread_detach(thread) }

    /// Returns when the body has.
    package func join() { _ = clinux_thread_join(thread) }

    private func main() {
        _ = clinux_name_thread(name)
        let body = body
        self.body = nil
        body?()
    }
}
