import CLiburing

/// How a worker's ring is made.
package struct UringSettings: Sendable, Equatable {
    /// Where completions of poll and io-wq are worked off.
    package enum TaskRun: String, Sendable, CaseIterable {
        /// IORING_SETUP_DEFER_TASKRUN: in the worker's own wait, in batches (Linux 6.1).
        case deferred = "defer"
        /// IORING_SETUP_COOP_TASKRUN: at the worker's next system call; links follow one another inside io-wq.
        case cooperative = "coop"
    }

    /// Submission queue entries of one turn; the kernel rounds up to a power of two.
    package var ringDepth: UInt32 = 256
    /// Completion queue entries. More completions than that are kept by the kernel (IORING_FEAT_NODROP), slower.
    package var completionDepth: UInt32 = 4096
    /// io-wq threads at most. Splice never runs inline, but on non-blocking sockets and pipes it never waits either, so
    /// one thread serves all flows of a ring and idle ones cannot hold it.
    package var workQueueThreads: UInt32 = 1
    package var taskRun = TaskRun.deferred
    package var buffers = BufferSettings()

    package init() {}

    var setupFlags: UInt32 {
        let taskRunFlag =
            switch taskRun {
            case .deferred: lsr_setup_defer_taskrun
            case .cooperative: lsr_setup_coop_taskrun
            }
        return lsr_setup_single_issuer | lsr_setup_taskrun_flag | lsr_setup_submit_all | taskRunFlag
    }
}
