import CLinux
import LinuxCalls
import Longsplice
import Synchronization

/// The one splicer behind the C functions, made at first use.
enum SplicerOfProcess {
    private static let held = Locked<Splicer?>(nil)
    /// The process that has made it or is making it, 0 before.
    private static let maker = Atomic<Int32>(0)
    private static let capacity = 16_384

    /// True in a child of fork(2): the splicer's threads are its parent's alone. It cannot make another one either, since threads
    /// that it does not have may have held locks of the library when it was forked.
    static var isAnothers: Bool {
        let maker = maker.load(ordering: .relaxed)
        return maker != 0 && maker != clinux_process_number()
    }

    /// Throws what `Splicer.init` does; the next call tries again.
    static func get() throws(SpliceError) -> Splicer {
        // Before the lock is taken too: a child that is forked while it is held would wait for it for ever.
        maker.store(clinux_process_number(), ordering: .relaxed)
        return try held.withLock { (held) throws(SpliceError) in
            if let held { return held }
            maker.store(clinux_process_number(), ordering: .relaxed)
            do throws(SpliceError) {
                let splicer = try Splicer(capacity: capacity)
                held = splicer
                return splicer
            } catch {
                maker.store(0, ordering: .relaxed)
                throw error
            }
        }
    }
}
