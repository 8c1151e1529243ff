import CLinux

/// A pipe as the kernel grants it (pipe2(2), F_SETPIPE_SZ, pipe(7)).
package enum Pipe {
    /// Where even the size cannot be asked for (a seccomp filter), a page is what every pipe has.
    private static let smallest: Int32 = 4096

    /// Makes a pipe of `bytes`, or of as much of it as can be had: past the per-user quota the kernel refuses to enlarge a
    /// pipe (EPERM), so less and less is asked for. Both ends do not block and are closed on exec.
    /// - Returns: the bytes granted, or `-errno` of pipe2(2), in which case both ends are left as they were.
    package static func make(bytes: Int32, readEnd: inout Int32, writeEnd: inout Int32) -> Int32 {
        let made = clinux_pipe(&readEnd, &writeEnd)
        guard made == 0 else { return made }
        var wanted = bytes
        while wanted > size(of: writeEnd) && clinux_pipe_resize(writeEnd, wanted) < 0 { wanted /= 2 }
        return size(of: writeEnd)
    }

    private static func size(of pipe: Int32) -> Int32 { max(smallest, clinux_pipe_size(pipe)) }
}
