import CLinux

/// A soft and a hard bound of the kernel (getrlimit(2)); `UInt64.max` is «unlimited».
package struct ResourceLimit: Equatable, Sendable {
    package let soft: UInt64
    package let hard: UInt64

    package init(soft: UInt64, hard: UInt64) {
        self.soft = soft
        self.hard = hard
    }

    /// RLIMIT_NOFILE: descriptors.
    package static func descriptors() throws(SystemError) -> ResourceLimit {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        _ = try checked(clinux_limit_descriptors(&soft, &hard), "getrlimit RLIMIT_NOFILE")
        return ResourceLimit(soft: soft, hard: hard)
    }

    /// RLIMIT_MEMLOCK: bytes of locked memory.
    package static func lockedMemory() throws(SystemError) -> ResourceLimit {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        _ = try checked(clinux_limit_locked_memory(&soft, &hard), "getrlimit RLIMIT_MEMLOCK")
        return ResourceLimit(soft: soft, hard: hard)
    }

    /// Raises the soft bound of descriptors to the hard one, which needs no privilege.
    package static func raiseDescriptors() throws(SystemError) -> ResourceLimit {
        let now = try descriptors()
        guard now.soft < now.hard else { return now }
        _ = try checked(clinux_raise_descriptors(now.hard), "setrlimit RLIMIT_NOFILE")
        return try descriptors()
    }
}
