import CLinux

/// 0, or `-errno`, as a system call answers. The caller does nothing behind it, since a release could write errno again.
func answer(_ result: Int32) -> Int32 {
    if result >= 0 { return result }
    clinux_set_errno(0 &- result)
    return -1
}
