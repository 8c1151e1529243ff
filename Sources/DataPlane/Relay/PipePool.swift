import LinuxCalls

/// The worker's pipes: made when they are first needed, lent while bytes are in flight, kept for the next borrower.
///
/// A pipe that still holds bytes is never lent again: it is closed. That is said in `giveBack` and nowhere else.
package struct PipePool: ~Copyable {
    package struct Pipe: BitwiseCopyable {
        package let readEnd: Int32
        package let writeEnd: Int32
        /// Bytes the kernel granted (F_GETPIPE_SZ), which may be less than was asked for.
        package let capacity: UInt32
    }

    /// Idle pipes that are kept at most; what comes back beyond is closed.
    package static let keptMax = 64
    /// A smaller pipe, where more was asked for, is not taken. Past the per-user quota the kernel gives two pages; moving
    /// bytes through those costs two to four times what copying them does (ARCHITECTURE.md, Decisions).
    package static let usefulBytesMin: UInt32 = 65_536

    private let pipes: UnsafeMutablePointer<Pipe>
    /// Pipes nobody has: a stack of slots.
    private let idle: UnsafeMutablePointer<Int32>
    private var idleCount = 0
    /// Slots whose pipe was closed: a stack. Slots from `untouched` on have never had one.
    private let vacant: UnsafeMutablePointer<Int32>
    private var vacantCount = 0
    private var untouched = 0
    private let capacity: Int
    private let bytesWanted: Int32
    /// The fewest idle pipes since the last `trim`: these were not needed.
    private var idleLow = 0

    /// - Parameters:
    ///   - capacity: pipes at the same time.
    ///   - bytes: size asked of the kernel for each, rounded up by it to a power of two of pages.
    package init(capacity: Int, bytes: UInt32) {
        self.capacity = capacity
        bytesWanted = Int32(clamping: bytes)
        pipes = .allocate(capacity: capacity)
        idle = .allocate(capacity: Self.keptMax)
        vacant = .allocate(capacity: capacity)
    }

    /// The owner closes what is idle before (`closeIdle`).
    deinit {
        pipes.deallocate()
        idle.deallocate()
        vacant.deallocate()
    }

    package var open: Int { untouched - vacantCount }
    package var borrowed: Int { open - idleCount }
    var hasIdle: Bool { idleCount > 0 }

    package subscript(slot: Int32) -> Pipe { pipes[Int(slot)] }

    /// An empty pipe's slot; `-errno` of pipe2(2) where none can be had, `-EPERM` where the quota leaves only a useless one,
    /// `-ENOBUFS` where the pool is used up.
    mutating func borrow<C: SystemCalls & ~Copyable>(_ calls: borrowing C, _ counters: borrowing Counters) -> Int32 {
        if idleCount > 0 {
            idleCount -= 1
            idleLow = min(idleLow, idleCount)
            return idle[idleCount]
        }
        guard open < capacity else { return Errno.noBuffers }
        var pipe = Pipe(readEnd: -1, writeEnd: -1, capacity: 0)
        let made = calls.makePipe(bytes: bytesWanted, &pipe)
        guard made == 0 else { return made }
        if pipe.capacity < UInt32(bytesWanted) { counters.add(.pipesSmall) }
        guard pipe.capacity >= min(UInt32(bytesWanted), Self.usefulBytesMin) else {
            calls.close(pipe.readEnd)
            calls.close(pipe.writeEnd)
            return Errno.notPermitted
        }
        counters.add(.pipesMade)
        let slot = takeVacant()
        pipes[Int(slot)] = pipe
        return slot
    }

    private mutating func takeVacant() -> Int32 {
        guard vacantCount > 0 else {
            untouched += 1
            return Int32(untouched - 1)
        }
        vacantCount -= 1
        return vacant[vacantCount]
    }

    /// A dirty pipe dies: another borrower must never see these bytes.
    mutating func giveBack<C: SystemCalls & ~Copyable>(
        _ slot: Int32, isEmpty: Bool, _ calls: borrowing C, _ counters: borrowing Counters
    ) {
        if isEmpty && idleCount < Self.keptMax {
            idle[idleCount] = slot
            idleCount += 1
        } else {
            destroy(slot, calls, counters)
        }
    }

    /// Closes half of the pipes that nobody has needed since the last call.
    mutating func trim<C: SystemCalls & ~Copyable>(_ calls: borrowing C, _ counters: borrowing Counters) {
        for _ in 0..<(idleLow + 1) / 2 {
            idleCount -= 1
            destroy(idle[idleCount], calls, counters)
        }
        idleLow = idleCount
    }

    /// What nobody has, when the owner ends.
    func closeIdle<C: SystemCalls & ~Copyable>(_ calls: borrowing C) {
        for index in 0..<idleCount { close(idle[index], calls) }
    }

    private mutating func destroy<C: SystemCalls & ~Copyable>(
        _ slot: Int32, _ calls: borrowing C, _ counters: borrowing Counters
    ) {
        close(slot, calls)
        counters.add(.pipesClosed)
        vacant[vacantCount] = slot
        vacantCount += 1
    }

    private func close<C: SystemCalls & ~Copyable>(_ slot: Int32, _ calls: borrowing C) {
        calls.close(pipes[Int(slot)].readEnd)
        calls.close(pipes[Int(slot)].writeEnd)
    }
}
