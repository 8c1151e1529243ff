import CLiburing
import LinuxCalls

/// The io_uring engine: one ring, made and used by one thread.
package struct UringEngine: Engine, ~Copyable {
    let ring: UnsafeMutablePointer<io_uring>
    /// Submissions could not be taken because the submission queue was full; moved to the counters at the next turn.
    var queueFullCount: UInt64
    /// The ring's own count of dropped completions, as far as it is in the counters.
    var droppedSeen: UInt32

    /// What receives put bytes into, and the kernel's list of those that wait to be filled.
    package let buffers: BufferMemory
    let bufferList: UnsafeMutableRawPointer
    let bufferListCount: UInt32

    /// Bytes after which a receive ends by itself, 0 where the kernel knows no such bound.
    ///
    /// Without it a multishot receive fills up to 32 buffers in one go, and a withdrawal does not stop it while more keeps
    /// coming (6.18): half a megabyte is copied before a lane that has proved bulk can splice.
    let receiveLimit: UInt32
    private static var receiveLimitBytes: UInt32 { RelayRules().bulkBytes }

    /// Requests of the longest chain: wait, fill, drain.
    package static let chainMax: UInt32 = 3

    /// Makes the ring on the calling thread, which must be the one that uses it (IORING_SETUP_SINGLE_ISSUER).
    ///
    /// Throws what io_uring_setup(2) says, or the failure to bound io-wq's threads.
    package init(_ settings: UringSettings) throws(SystemError) {
        // Everything that can fail comes before the first property: a half-made value cannot be taken apart.
        let memory = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
        var features: UInt32 = 0
        let made = lsr_init(memory, settings.ringDepth, settings.completionDepth, settings.setupFlags, &features)
        guard made == 0 else {
            memory.deallocate()
            throw SystemError(made, in: "io_uring_setup")
        }
        // An unregistered ring works as well, one descriptor look-up slower.
        _ = io_uring_register_ring_fd(memory)
        let bounded = lsr_bound_workers(memory, settings.workQueueThreads, settings.workQueueThreads)
        guard bounded == 0 else {
            io_uring_queue_exit(memory)
            memory.deallocate()
            throw SystemError(bounded, in: "io_uring_register IORING_REGISTER_IOWQ_MAX_WORKERS")
        }
        guard let buffers = BufferMemory.reserve(settings.buffers) else {
            io_uring_queue_exit(memory)
            memory.deallocate()
            throw SystemError(Errno.noMemory, in: "calloc")
        }
        var places: UInt32 = 1
        while places < UInt32(settings.buffers.count) { places *= 2 }
        var list: UnsafeMutableRawPointer?
        let listed = lsr_buffers_make(memory, places, &list)
        guard listed == 0, let list else {
            io_uring_queue_exit(memory)
            memory.deallocate()
            buffers.release()
            throw SystemError(listed, in: "io_uring_register IORING_REGISTER_PBUF_RING")
        }
        self.buffers = buffers
        bufferList = list
        bufferListCount = places
        ring = memory
        receiveLimit = lsr_receives_take_limit(memory) == 1 ? Self.receiveLimitBytes : 0
        queueFullCount = 0
        droppedSeen = 0
    }

    deinit {
        io_uring_queue_exit(ring)
        ring.deallocate()
        lsr_buffers_free(bufferList)
        buffers.release()
    }

    package mutating func attach(_ socket: Int32) {}
    package mutating func detach(_ socket: Int32) {}
}
