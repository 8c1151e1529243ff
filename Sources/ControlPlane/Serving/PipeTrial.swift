import CLinux
import LinuxCalls

/// What the kernel gives when it is asked for a pipe.
enum PipeTrial {
    /// The bytes granted for one pipe, which is closed again; nil where none could be made.
    static func granted(_ bytes: Int) -> Int? {
        var readEnd: Int32 = -1
        var writeEnd: Int32 = -1
        guard clinux_pipe(&readEnd, &writeEnd) == 0 else { return nil }
        defer {
            _ = clinux_close(readEnd)
            _ = clinux_close(writeEnd)
        }
        _ = clinux_pipe_resize(writeEnd, Int32(clamping: bytes))
        let granted = clinux_pipe_size(writeEnd)
        return granted > 0 ? Int(granted) : nil
    }
}
