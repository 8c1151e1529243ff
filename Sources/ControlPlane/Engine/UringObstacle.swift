import DataPlane
import LinuxCalls

/// Why io_uring cannot be used here, and what would change that: two halves of one sentence.
package struct UringObstacle: Error, Equatable, Sendable {
    package let reason: String
    package let cure: String

    /// A ring could not be made (io_uring_setup(2)), or a worker's engine not set up.
    /// - Parameters:
    ///   - disabled: `kernel.io_uring_disabled`, nil where the kernel has no such switch.
    ///   - names: what the settings are called where they were written.
    package init(
        _ failure: SystemError, _ ring: UringSettings, disabled: Int?, names: ValueNames = .flags
    ) {
        switch -failure.code {
        case Errno.notPermitted, Errno.accessDenied:
            (reason, cure) = Self.forbidden(failure, disabled)
        case Errno.noSystemCall:
            reason = "this kernel has no io_uring, or a seccomp filter says so (\(failure.name))"
            cure = "use a kernel with CONFIG_IO_URING, or allow the io_uring_* calls in the container's seccomp profile"
        case Errno.noMemory:
            reason =
                "there is no memory for io_uring's rings (\(failure.name)): a memory cgroup or RLIMIT_MEMLOCK is used up"
            cure =
                "raise memory.max or `ulimit -l`, or lower \(names.ringDepth), \(names.completionDepth) or \(names.workers)"
        case Errno.invalid:
            reason = "this kernel's io_uring lacks one of \(Self.flags(ring)) (\(failure.name))"
            cure = Self.cureForFlags(ring, names)
        case Errno.tooManyInProcess, Errno.tooManyInSystem:
            reason = "there is no descriptor left for an io_uring (\(failure.name))"
            cure = "raise `ulimit -n` (LimitNOFILE=)"
        default:
            reason = "\(failure.call) failed: \(failure.reason) (\(failure.name)), so io_uring cannot be used"
            cure = "see `longsplice doctor`"
        }
    }

    /// The kernel is too old for something the engine needs.
    package init(missing: [String]) {
        reason = "this kernel's io_uring lacks \(missing.joined(separator: ", "))"
        cure = "use Linux 6.1 or later"
    }

    /// A ring was made but did not do what it should.
    package init(trial: String) {
        reason = "io_uring failed its trial: \(trial)"
        cure = "see `longsplice doctor`"
    }

    private static func forbidden(_ failure: SystemError, _ disabled: Int?) -> (String, String) {
        switch disabled {
        case 2:
            (
                "io_uring is switched off for everybody, kernel.io_uring_disabled is 2 (\(failure.name))",
                "set `sysctl kernel.io_uring_disabled=0`"
            )
        case 1:
            (
                "io_uring is for members of kernel.io_uring_group only, kernel.io_uring_disabled is 1 (\(failure.name))",
                "join that group or set `sysctl kernel.io_uring_disabled=0`"
            )
        default:
            (
                "io_uring_setup is forbidden here (\(failure.name)), most likely by a seccomp filter such as Docker's or "
                    + "containerd's default profile",
                "allow io_uring_setup, io_uring_enter and io_uring_register in the profile"
            )
        }
    }

    private static func flags(_ ring: UringSettings) -> String {
        let taskRun =
            switch ring.taskRun {
            case .deferred: "IORING_SETUP_DEFER_TASKRUN"
            case .cooperative: "IORING_SETUP_COOP_TASKRUN"
            }
        return "IORING_SETUP_SINGLE_ISSUER, IORING_SETUP_SUBMIT_ALL and \(taskRun)"
    }

    private static func cureForFlags(_ ring: UringSettings, _ names: ValueNames) -> String {
        switch ring.taskRun {
        case .deferred: "use Linux 6.1 or later, or try \(names.cooperativeTaskRun)"
        case .cooperative: "use Linux 6.0 or later"
        }
    }
}
