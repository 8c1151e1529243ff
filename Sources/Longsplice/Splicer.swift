import CLinux
import DataPlane
import LinuxCalls

/// Ties connected sockets and sends files, without their bytes passing through user space where the kernel can avoid it: the two
/// calls of the 2005 patch for NetBSD, splice(2) and sendfile(), for Swift programs that hold their own sockets.
///
/// A splicer has threads of its own, each with an io_uring or an epoll instance; calls only suspend the task that makes them. It
/// ends with its last reference, and does not work in a forked child. Its sockets must not be read or written by others in the directions that a call uses.
public final class Splicer: Sendable {
    /// How a splicer speaks to the kernel.
    public enum Engine: String, Sendable, CaseIterable {
        /// io_uring where it works, epoll(7) otherwise.
        case auto
        case uring
        case epoll
    }

    /// What the splicer runs on in the end: `uring` or `epoll`.
    public let engine: Engine
    let book: JobBook
    let threads: [WorkerThread]
    private let results: ResultReader
    let cachedParts = CachedParts()
    let coldSender: ColdSender
    /// One more than the highest descriptor number that can be used.
    let descriptorsMax: Int

    /// Starts the threads.
    /// - Parameters:
    ///   - ringDepth: submission queue entries of each worker's ring, 8 to 32,768; without meaning for epoll.
    ///   - workers: threads, 1 to 256; the calls are spread over them.
    ///   - engine: how to speak to the kernel.
    ///   - capacity: calls that are under way at once, at most: 1 to 65,536. One more is refused with `.atCapacity`.
    /// - Throws: `.noEngine` where io_uring was asked for and does not work here, `.invalidArgument`, `.noDescriptors`, or `.system`
    ///   with what else kept a thread or the engine from being made.
    public init(ringDepth: Int = 256, workers: Int = 1, engine: Engine = .auto, capacity: Int = 1024)
        throws(SpliceError)
    {
        try Self.check(ringDepth, 8...32_768, "ringDepth")
        try Self.check(workers, 1...256, "workers")
        try Self.check(capacity, 1...65_536, "capacity")
        var ring = UringSettings()
        ring.ringDepth = UInt32(ringDepth)
        ring.completionDepth = max(ring.completionDepth, ring.ringDepth)
        descriptorsMax = try Self.descriptorsMax()
        let choice = try Self.choose(engine, ring, descriptors: descriptorsMax)
        self.engine = choice.name == Engine.uring.rawValue ? .uring : .epoll
        do throws(SystemError) {
            let bell = try OutBell()
            let places = Self.placesOfEach(workers, capacity)
            let desks = (0..<workers).map { _ in JobDesk(bell, capacity: places) }
            book = JobBook(desks)
            coldSender = ColdSender(book)
            results = ResultReader(bell, desks, book, coldSender)
            threads = try Self.start(desks, choice)
            // From here on everything is initialised, so that `deinit` stops what runs if one of these fails.
            try results.start()
            try coldSender.start()
        } catch {
            throw Self.refusal(error)
        }
    }

    /// Calls hold their splicer, so none is under way any more.
    deinit {
        Self.stop(threads)
        results.close()
        coldSender.close()
    }

    // MARK: Starting and stopping

    private static func refusal(_ error: SystemError) -> SpliceError {
        switch 0 &- error.code {
        case Errno.tooManyInProcess, Errno.tooManyInSystem:
            SpliceError(
                .noDescriptors, error.code,
                "the splicer has too few descriptors: \(error); raise RLIMIT_NOFILE (ulimit -n)")
        default: SpliceError(error)
        }
    }

    private static func descriptorsMax() throws(SpliceError) -> Int {
        do throws(SystemError) {
            return Int(min(try ResourceLimit.descriptors().hard, 1 << 20))
        } catch {
            throw refusal(error)
        }
    }

    private static func check(_ value: Int, _ range: ClosedRange<Int>, _ name: StaticString) throws(SpliceError) {
        guard range.contains(value) else {
            throw SpliceError(
                .invalidArgument, Errno.invalid,
                "\(name): \(value) is not in \(range.lowerBound) to \(range.upperBound)")
        }
    }

    private static func placesOfEach(_ workers: Int, _ capacity: Int) -> Int {
        var places = 1
        while places * workers < capacity { places *= 2 }
        return places
    }

    /// What is missing is told apart from what there is too little of, which has nothing to do with the engine.
    private static func choose(_ wish: Engine, _ ring: UringSettings, descriptors: Int) throws(SpliceError)
        -> EngineChoice
    {
        let epoll = EngineChoice.epoll(descriptors: descriptors, buffers: ring.buffers)
        if wish == .epoll { return epoll }
        let probe = UringProbe(ring)
        if probe.isUsable { return .uring(ring) }
        if wish == .auto { return epoll }
        let error = probe.setupFailure ?? probe.trialError ?? SystemError(Errno.noSystemCall, in: "io_uring")
        switch 0 &- error.code {
        case Errno.tooManyInProcess, Errno.tooManyInSystem, Errno.noMemory: throw refusal(error)
        default: throw SpliceError(.noEngine, error.code, probe.trialFailure ?? error.description)
        }
    }

    private static func start(_ desks: [JobDesk], _ engine: EngineChoice) throws(SystemError) -> [WorkerThread] {
        let connections = ConnectionCount()
        var threads: [WorkerThread] = []
        do throws(SystemError) {
            for (index, desk) in desks.enumerated() {
                let thread = try WorkerThread(
                    settings: settings(desk, index), engine: engine, connections: connections, processor: nil)
                try thread.start()
                thread.serve([])
                threads.append(thread)
            }
        } catch {
            stop(threads)
            throw error
        }
        return threads
    }

    private static func settings(_ desk: JobDesk, _ index: Int) -> WorkerSettings {
        var settings = WorkerSettings(target: .jobs(desk))
        settings.index = index
        settings.connectionsMax = desk.capacity
        // Who wants a deadline cancels the task.
        settings.timeouts.idleMillis = .max / 4
        settings.timeouts.finMillis = .max / 4
        return settings
    }

    private static func stop(_ threads: [WorkerThread]) {
        for thread in threads { thread.control.give(.stop) }
        for thread in threads { thread.join() }
    }
}
