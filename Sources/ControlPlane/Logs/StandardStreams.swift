import Glibc

/// The three standard streams.
package enum StandardStreams {
    /// Opens /dev/null for those that are closed. Otherwise the next socket would be number 2, and the log would be
    /// written to a stranger.
    package static func ensureOpen() {
        while true {
            let file = open("/dev/null", O_RDWR)
            guard file >= 0 else { return }
            if file > STDERR_FILENO {
                close(file)
                return
            }
        }
    }
}
