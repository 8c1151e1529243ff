import CLinux
import Longsplice
import Synchronization

/// The one splicer behind the C functions, made at first use.
enum SplicerOfProcess {
    private static let held = Mutex<Splicer?>(nil)
    /// The process that has made it, 0 before.
    private static let maker = Atomic<Int32>(0)
    private static let capacity = 16_384

    /// True in a child of fork(2): the splicer's threads are its parent's alone. It cannot make another one either, since a
    /// `Mutex` knows its owner by a thread's number, which the forked thread still has from the parent.
    static var isAnothers: Bool {
        let maker = maker.load(ordering: .relaxed)
        return maker != 0 && maker != clinux_process_number()
    }

    /// Throws what `Splicer.init` does; the next call tries again.
    static func get() throws(SpliceError) -> Splicer {
        try held.withLock { (held) throws(SpliceError) in
            if let held { return held }
            let splicer = try Splicer(capacity: capacity)
            maker.store(clinux_process_number(), ordering: .relaxed)
            held = splicer
            return splicer
        }
    }
}
