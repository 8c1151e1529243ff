import CLinux
import LinuxCalls

/// What the kernel gives when it is asked for a pipe.
enum PipeTrial {
    /// The bytes granted for one pipe, which is closed again; nil where none could be made.
    static func granted(_ bytes: Int) -> Int? {
        var readEnd: Int32 = -1
        var writeEnd: Int32 = -1
        let granted = Pipe.make(bytes: Int32(clamping: bytes), readEnd: &readEnd, writeEnd: &writeEnd)
        guard granted > 0 else { return nil }
        _ = clinux_close(readEnd)
        _ = clinux_close(writeEnd)
        return Int(granted)
    }
}
