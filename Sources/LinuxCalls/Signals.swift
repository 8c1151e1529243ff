import CLinux

/// Signals taken one at a time by one thread, instead of by handlers (signal(7), sigtimedwait(2)).
package struct Signals: Sendable {
    private let numbers: [Int32]

    /// Blocks `numbers` in this thread and in all threads it makes afterwards. Call it before any thread is made.
    package init(blocking numbers: [Int32]) throws(SystemError) {
        self.numbers = numbers
        _ = try checked(clinux_block_signals(numbers, Int32(numbers.count)), "pthread_sigmask")
    }

    /// The next signal, nil when `milliseconds` have passed without one.
    package func next(milliseconds: Int64) -> Int32? {
        let signal = clinux_wait_signal(numbers, Int32(numbers.count), milliseconds * 1_000_000)
        return signal > 0 ? signal : nil
    }

    /// SIGURG, which nobody sends who was not asked to: it does nothing where it is not expected.
    package static let bell: Int32 = 23

    /// Wakes this thread from `next`, whoever rings: `bell` is to be among its numbers.
    package static func bellOfThisThread() -> @Sendable () -> Void {
        let thread = clinux_thread_number()
        return { _ = clinux_signal_thread(thread, bell) }
    }

    /// A log that has grown to RLIMIT_FSIZE must not be the end of the process either.
    package static func ignoreFileSize() throws(SystemError) {
        _ = try checked(clinux_ignore_file_size_signal(), "signal SIGXFSZ")
    }

    /// A write to a socket whose peer is gone must be an error and not the end of the process: splice(2) has no
    /// MSG_NOSIGNAL.
    package static func ignoreBrokenPipe() throws(SystemError) {
        _ = try checked(clinux_ignore_broken_pipe_signal(), "signal SIGPIPE")
    }
}
