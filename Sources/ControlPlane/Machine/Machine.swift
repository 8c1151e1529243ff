import CLinux
import Glibc
import LinuxCalls

/// What this machine allows this process, read once.
package struct Machine: Sendable {
    /// `/proc/sys/kernel/osrelease`; for people to read, never to decide by.
    package var kernelRelease = "unknown"
    /// Processors the scheduler lets this process use.
    package var processors: [Int32] = []
    package var descriptors = ResourceLimit(soft: 0, hard: 0)
    /// Nil where it cannot be read.
    package var lockedMemory: ResourceLimit?
    /// `kernel.io_uring_disabled`: 0 for everybody, 1 for a group, 2 for nobody; nil where the kernel has no such switch.
    package var uringDisabled: Int?
    /// `fs.pipe-max-size`: bytes of one pipe, for ordinary users.
    package var pipeMaxSize = 1 << 20
    /// `fs.pipe-user-pages-soft`: pages of all pipes of a user before new pipes become small; 0 for no bound.
    package var pipePagesSoft = 0
    /// `fs.pipe-user-pages-hard`: pages before no pipe is made at all; 0 for no bound.
    package var pipePagesHard = 0
    /// CAP_SYS_RESOURCE: pipes larger than `fs.pipe-max-size` (pipe(7)).
    package var mayExceedPipeMaxSize = false
    package var isExemptFromPipeQuota = false
    /// `net.core.somaxconn`, which caps every accept queue (listen(2)).
    package var acceptQueueMax: Int?
    /// `net.ipv4.tcp_fastopen`: bit 1 for clients, bit 2 for listeners.
    package var fastOpen: Int?

    package init() {}

    /// Looks at this machine. Throws where not even the descriptor limit can be read.
    package static func ofThisProcess() throws(Refusal) -> Machine {
        var machine = Machine()
        do throws(SystemError) {
            machine.descriptors = try ResourceLimit.descriptors()
        } catch {
            throw Refusal(.failure, "\(error); allow getrlimit(2) in the container's seccomp profile")
        }
        machine.kernelRelease = KernelFile.text("/proc/sys/kernel/osrelease") ?? machine.kernelRelease
        machine.processors = Processors.allowed()
        machine.lockedMemory = try? ResourceLimit.lockedMemory()
        machine.uringDisabled = KernelFile.number("/proc/sys/kernel/io_uring_disabled")
        machine.pipeMaxSize = KernelFile.number("/proc/sys/fs/pipe-max-size") ?? machine.pipeMaxSize
        machine.pipePagesSoft = KernelFile.number("/proc/sys/fs/pipe-user-pages-soft") ?? 0
        machine.pipePagesHard = KernelFile.number("/proc/sys/fs/pipe-user-pages-hard") ?? 0
        machine.mayExceedPipeMaxSize = clinux_has_capability(24) == 1
        machine.isExemptFromPipeQuota = Capability.exemptsFromPipeQuota
        machine.acceptQueueMax = KernelFile.number("/proc/sys/net/core/somaxconn")
        machine.fastOpen = KernelFile.number("/proc/sys/net/ipv4/tcp_fastopen")
        return machine
    }

    /// Pages are what the kernel counts pipes in.
    package static var pageBytes: Int { max(4096, Int(sysconf(Int32(_SC_PAGESIZE)))) }

    /// What `--workers` is when it is not given.
    package var workersByDefault: Int { min(max(1, processors.count), ServeConfiguration.workersMax) }

    /// The largest `--pipe-size`: F_SETPIPE_SZ takes no more than 2 GiB, and 1 GiB is beyond all use.
    package var pipeBytesMax: Int { mayExceedPipeMaxSize ? 1 << 30 : min(pipeMaxSize, 1 << 30) }
}
