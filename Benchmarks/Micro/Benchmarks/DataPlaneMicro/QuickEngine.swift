import LinuxCalls

/// An engine without a kernel: it answers each intent before the next turn, as a machine would that never waits.
///
/// Bytes do not exist; sockets and pipes are numbers. What would have been a system call is counted, and the clock goes on by
/// one microsecond a turn, so that a run is the same on every machine.
struct QuickEngine: Engine, ~Copyable {
    /// What the worker has asked for, and what waits for it.
    struct State {
        var answerCount = 0
        var nanos: Int64 = 1_000_000_000
        var socketsMade: Int32 = 0
        var systemCalls = 0
        var intents = 0
        var firstProvided = 0
        var providedCount = 0
        var acceptTag: Tag?
        /// The receives that are out, by direction.
        var receiveTags = InlineArray<2, Tag>(repeating: Tag(rawValue: 0))
    }

    /// Behind a pointer, since some of the calls that change it do not change an engine.
    private let state: UnsafeMutablePointer<State>
    private let answers: UnsafeMutablePointer<Completion>
    /// Buffers that the worker has given, in order: a ring.
    private let provided: UnsafeMutablePointer<UInt16>
    let buffers: BufferMemory

    /// Descriptors of no kernel's; nothing in here ever hands one to a real call.
    private static let firstSocket: Int32 = 1 << 20
    static let chunkBytes: Int32 = 65_536
    private static let pipeEnd: Int32 = 1 << 30

    init(bufferCount: Int = 512) {
        var settings = BufferSettings()
        settings.bytes = 4_096
        settings.count = bufferCount
        guard let memory = BufferMemory.reserve(settings) else { preconditionFailure("QuickEngine: no memory") }
        buffers = memory
        state = .allocate(capacity: 1)
        state.initialize(to: State())
        answers = .allocate(capacity: CompletionBatch.capacity)
        provided = .allocate(capacity: bufferCount)
    }

    deinit {
        buffers.release()
        state.deallocate()
        answers.deallocate()
        provided.deallocate()
    }

    var systemCalls: Int { state.pointee.systemCalls }
    var intents: Int { state.pointee.intents }

    // MARK: What the benchmarks let happen

    /// A client has come.
    func deliverClient() {
        guard let tag = state.pointee.acceptTag else { preconditionFailure("QuickEngine: nobody accepts") }
        answer(tag, newSocket(), Completion.more)
    }

    /// Bytes have come from a lane's source; 0 for its FIN.
    func deliver(_ bytes: Int32, _ direction: Direction) {
        let tag = state.pointee.receiveTags[Int(direction.rawValue)]
        precondition(tag.operation == .receive, "QuickEngine: nobody receives")
        guard bytes > 0 else { return answer(tag, 0) }
        precondition(state.pointee.providedCount > 0, "QuickEngine: no buffer was provided")
        let buffer = provided[state.pointee.firstProvided]
        state.pointee.firstProvided = (state.pointee.firstProvided + 1) % buffers.count
        state.pointee.providedCount -= 1
        answer(tag, bytes, Completion.more | Completion.flags(buffer: buffer))
    }

    /// Buffers that were taken without an answer of this engine's.
    func forget(_ count: Int) {
        precondition(count <= state.pointee.providedCount, "QuickEngine: no buffer was provided")
        state.pointee.firstProvided = (state.pointee.firstProvided + count) % buffers.count
        state.pointee.providedCount -= count
    }

    private func answer(_ tag: Tag, _ result: Int32, _ flags: UInt32 = 0) {
        precondition(state.pointee.answerCount < CompletionBatch.capacity, "QuickEngine: too many answers in a turn")
        answers[state.pointee.answerCount] = Completion(tag: tag, result: result, flags: flags)
        state.pointee.answerCount += 1
    }

    private func took() -> Bool {
        state.pointee.intents += 1
        return true
    }

    private func called() { state.pointee.systemCalls += 1 }

    private func newSocket() -> Int32 {
        // Numbers come round, as descriptors do.
        state.pointee.socketsMade = (state.pointee.socketsMade + 1) & 0xFFFF
        return Self.firstSocket + state.pointee.socketsMade
    }

    // MARK: Intents

    func attach(_ socket: Int32) {}
    func detach(_ socket: Int32) {}

    func accept(_ listener: Int32, _ tag: Tag) -> Bool {
        state.pointee.acceptTag = tag
        return took()
    }

    func connect(_ socket: Int32, to address: UnsafePointer<SocketAddress>, _ tag: Tag) -> Bool {
        answer(tag, 0)
        return took()
    }

    /// The bell never rings. A lane's source is readable at once.
    func awaitReadable(_ socket: Int32, _ tag: Tag) -> Bool {
        if tag.slot != Knot.nowhere { answer(tag, PollEvents.readable) }
        return took()
    }

    func watch(_ socket: Int32, _ tag: Tag) -> Bool { took() }

    func move(from source: Int32, through pipe: PipePool.Pipe, to sink: Int32, length: UInt32, _ tag: Tag) -> Bool {
        // Less than was asked for, as nearly always.
        let bytes = min(Int32(length), Self.chunkBytes)
        answer(tag.with(.fill), bytes)
        answer(tag.with(.drain), bytes)
        return took()
    }

    func drainHeld(
        from pipe: PipePool.Pipe, to sink: Int32, length: UInt32, isWatched: Bool, _ tag: Tag
    ) -> Bool {
        answer(tag.with(.drain), Int32(length))
        return took()
    }

    func provide(_ buffer: UInt16) {
        precondition(state.pointee.providedCount < buffers.count, "QuickEngine: a buffer was provided twice")
        provided[(state.pointee.firstProvided + state.pointee.providedCount) % buffers.count] = buffer
        state.pointee.providedCount += 1
    }

    func receive(from source: Int32, _ tag: Tag) -> Bool {
        state.pointee.receiveTags[Int(tag.direction.rawValue)] = tag
        return took()
    }

    func send(_ slice: BufferSlice, to sink: Int32, waits: Bool, isWatched: Bool, _ tag: Tag) -> Bool {
        answer(tag, Int32(slice.length))
        return took()
    }

    func cancel(_ target: Tag, on socket: Int32, _ tag: Tag) -> Bool {
        answer(target, Errno.canceled)
        return took()
    }

    func turn(waitingNanoseconds: Int64, _ counters: borrowing Counters) {
        called()
        state.pointee.nanos &+= 1_000
    }

    var isRipe: Bool { state.pointee.answerCount > 0 }

    func reap(into batch: borrowing CompletionBatch, _ counters: borrowing Counters) -> Int {
        let count = state.pointee.answerCount
        batch.base.update(from: answers, count: count)
        state.pointee.answerCount = 0
        return count
    }

    // MARK: Calls

    func nowNanos() -> Int64 { state.pointee.nanos }
    func nowMillis() -> Int64 { state.pointee.nanos / 1_000_000 }
    func wallMillis() -> Int64 { nowMillis() }

    func openSocket(family: Int32) -> Int32 {
        called()
        return newSocket()
    }

    func bindSource(_ socket: Int32, _ address: UnsafePointer<SocketAddress>) -> Int32 {
        called()
        return 0
    }

    /// Two options are set.
    func prepareTCP(_ socket: Int32) {
        called()
        called()
    }

    func setOption(_ socket: Int32, _ option: SocketOption) -> Int32 {
        called()
        return 0
    }

    func acceptNow(_ listener: Int32) -> Int32 {
        called()
        return Errno.again
    }

    func peerAddress(of socket: Int32, _ address: inout SocketAddress) -> Int32 {
        called()
        return Errno.notConnected
    }

    func push(_ socket: Int32) { called() }
    func shutdownWrite(_ socket: Int32) { called() }
    func setLowWater(_ socket: Int32, _ bytes: Int32) { called() }
    func setResetOnClose(_ socket: Int32) { called() }

    func unsentBytes(_ socket: Int32) -> Int32 {
        called()
        return 0
    }

    func pendingError(_ socket: Int32) -> Int32 {
        called()
        return 0
    }

    func hasHungUp(_ socket: Int32) -> Bool {
        called()
        return false
    }

    func hasEnded(_ socket: Int32) -> Bool {
        called()
        return false
    }

    func ring(_ event: Int32) { called() }
    func close(_ descriptor: Int32) { called() }

    /// pipe2(2), and a size asked for.
    func makePipe(bytes: Int32, _ pipe: inout PipePool.Pipe) -> Int32 {
        called()
        called()
        pipe = PipePool.Pipe(readEnd: Self.pipeEnd, writeEnd: Self.pipeEnd + 1, capacity: UInt32(bytes))
        return 0
    }

    func readPlainly(
        from source: Int32, into pipe: PipePool.Pipe, by buffer: UnsafeMutableRawPointer, canHangUp: Bool, atMost: Int
    ) -> Int32 {
        called()
        return 0
    }

    func carry(
        from source: Int32, to sink: Int32, by buffer: UnsafeMutableRawPointer, isTCP: Bool, canHangUp: Bool,
        atMost: Int32
    ) -> Carried {
        called()
        return Carried(source: Errno.again)
    }
}
