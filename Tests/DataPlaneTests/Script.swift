import CLinux
import LinuxCalls

@testable import DataPlane

/// What a `ScriptedEngine` was asked for and what it is to answer; it also checks that the worker keeps the contract.
final class Script {
    enum Intent: Equatable {
        case accept
        case connect
        case rest
        case watch
        case move(asking: UInt32)
        case drainHeld(UInt32)
        case receive
        case send(BufferSlice)
    }

    /// One intent that has not been answered in full.
    struct Open {
        let tag: DataPlane.Tag
        let intent: Intent
    }

    var open: [Open] = []
    var answers: [Completion] = []
    /// Time that passes with each turn, beside what really passes.
    var millisPerTurn: Int64 = 0
    fileprivate(set) var millisPassed: Int64 = 0
    /// What the next calls of socket(2) say instead of making one.
    var socketFailures: [Int32] = []
    /// What SO_ERROR tells.
    var pendingError: Int32 = 0
    /// Refuse the next intents, as a full submission queue does.
    var refusals = 0
    /// What a plain read finds; nil to read in earnest.
    var plainRead: Int32? = 0
    /// What a carry without a pipe finds; nil to carry in earnest.
    var carried: Carried?
    /// What pipe2(2) says instead of making pipes; 0 to make them.
    var pipeFailure: Int32 = 0
    /// How much of what a job sends is in the page cache, from its beginning.
    var cachedBytes = UInt64.max
    /// Where each part began that was sent of a file.
    fileprivate(set) var fileParts: [UInt64] = []
    /// What a socket takes of a file at a time.
    var filePartBytes: UInt64 = 1 << 20
    /// Where every file ends, nil for wherever a job says.
    var fileEnd: UInt64?
    /// What SO_RCVLOWAT was set to, in this order.
    fileprivate(set) var lowWaters: [LowWater] = []

    struct LowWater: Equatable {
        let socket: Int32
        let bytes: Int32
    }

    /// How long the worker would have slept in its last turn, if nothing had come.
    fileprivate(set) var waitNanoseconds: Int64 = 0
    /// The clients' addresses, by turns; empty to ask the sockets.
    var clients: [SocketAddress] = []
    private(set) var clientsAsked = 0
    /// What the worker has done against the contract; empty in a good run.
    var breaches: [String] = []
    private(set) var attached = 0
    private(set) var detached = 0
    private(set) var intents = 0
    private(set) var cancels = 0
    /// Buffers that the worker has given the engine and that no answer has brought back.
    private(set) var provided: [UInt16] = []
    /// Bytes in each buffer that the worker has.
    private var filled: [UInt16: UInt32] = [:]
    /// Bytes each lane's pipe holds by what was answered.
    private var held: [UInt64: Int32] = [:]

    func attach() { attached += 1 }
    func detach() { detached += 1 }

    func peerAddress(of socket: Int32, _ address: inout SocketAddress) -> Int32 {
        guard !clients.isEmpty else { return address.becomePeer(of: socket) }
        address = clients[clientsAsked % clients.count]
        clientsAsked += 1
        return address.isUnknown ? Errno.notConnected : 0
    }

    /// False where the intent is refused.
    func take(_ tag: DataPlane.Tag, _ intent: Intent) -> Bool {
        if refusals > 0 {
            refusals -= 1
            return false
        }
        intents += 1
        if open.contains(where: { $0.tag == tag && ($0.intent == .watch) == (intent == .watch) }) {
            breaches.append("\(intent) while another one is out for slot \(tag.slot)")
        }
        switch intent {
        case .send(let slice) where (filled[slice.buffer] ?? 0) < slice.offset + slice.length:
            breaches.append("a send of \(slice), where \(filled[slice.buffer] ?? 0) bytes are")
        case .move where heldBytes(tag) != 0:
            breaches.append("a fill was armed while the pipe holds \(heldBytes(tag)) bytes")
        case .drainHeld(let length) where Int32(length) != heldBytes(tag):
            breaches.append("a drain of \(length) bytes for a pipe that holds \(heldBytes(tag))")
        default: break
        }
        open.append(Open(tag: tag, intent: intent))
        return true
    }

    func cancel(_ target: DataPlane.Tag, _ tag: DataPlane.Tag) -> Bool {
        if refusals > 0 {
            refusals -= 1
            return false
        }
        cancels += 1
        guard let index = open.firstIndex(where: { matches($0, target) }) else {
            answers.append(Completion(tag: tag.with(.cancel), result: Errno.noEntry))
            return true
        }
        let withdrawn = open.remove(at: index)
        switch withdrawn.intent {
        case .accept, .connect: answers.append(Completion(tag: target, result: Errno.canceled))
        case .watch: answers.append(Completion(tag: target, result: Errno.canceled))
        case .rest, .move, .drainHeld, .send:
            answers.append(Completion(tag: target.with(.await), result: Errno.canceled))
        case .receive: answers.append(Completion(tag: target, result: Errno.canceled))
        }
        return true
    }

    func provide(_ buffer: UInt16) {
        if provided.contains(buffer) { breaches.append("buffer \(buffer) was provided twice") }
        if open.contains(where: { if case .send(let slice) = $0.intent { slice.buffer == buffer } else { false } }) {
            breaches.append("buffer \(buffer) was provided while it is being sent")
        }
        filled[buffer] = nil
        provided.append(buffer)
    }

    func join(_ slice: BufferSlice, behind place: BufferSlice) {
        let sum = place.length + slice.length
        if filled[slice.buffer] != slice.length || filled[place.buffer] != place.length || sum > 4_096 {
            breaches.append("\(slice) was joined behind \(place)")
        }
        filled[place.buffer] = sum
    }

    /// A test that fills buffers itself takes the one that was provided first.
    func takeProvided() -> UInt16 { provided.removeFirst() }
    func fill(_ buffer: UInt16, _ bytes: UInt32) { filled[buffer] = bytes }

    /// Bytes have come, or something else than bytes.
    func answerReceive(_ open: Open, _ result: Int32, goesOn: Bool = true, leavesMore: Bool = false) {
        guard result <= 0 || !provided.isEmpty else { return answerReceive(open, Errno.noBuffers, goesOn: false) }
        if !goesOn { self.open.removeAll { $0.tag == open.tag } }
        var flags: UInt32 = (goesOn ? Completion.more : 0) | (leavesMore ? Completion.sourceNotEmpty : 0)
        if result > 0 {
            let buffer = provided.removeFirst()
            filled[buffer] = UInt32(result)
            flags |= Completion.flags(buffer: buffer)
        }
        answers.append(Completion(tag: open.tag, result: result, flags: flags))
    }

    // MARK: Answers

    /// The open intent of a lane, if there is one.
    func receive(of direction: Direction) -> Open? {
        open.first { $0.tag.direction == direction && $0.intent == .receive }
    }

    func send(of direction: Direction) -> (open: Open, slice: BufferSlice)? {
        for one in open where one.tag.direction == direction {
            if case .send(let slice) = one.intent { return (one, slice) }
        }
        return nil
    }

    func intent(of direction: Direction, watch: Bool = false) -> Open? {
        open.first {
            $0.tag.slot != Knot.nowhere && $0.tag.direction == direction && isLane($0.intent) != watch
                && ($0.intent == .watch) == watch
        }
    }

    func answer(_ open: Open, _ operation: DataPlane.Operation, _ result: Int32, goesOn: Bool = false) {
        if !goesOn { self.open.removeAll { $0.tag == open.tag && $0.intent == open.intent } }
        let flags: UInt32 = goesOn ? Completion.more : 0
        answers.append(Completion(tag: open.tag.with(operation), result: result, flags: flags))
        if operation == .drain { note(open.tag, -max(0, result)) }
    }

    /// Both answers of a move.
    func answer(_ open: Open, fill: Int32, drain: Int32, reversed: Bool = false) {
        self.open.removeAll { $0.tag == open.tag && $0.intent == open.intent }
        note(open.tag, max(0, fill) - max(0, drain))
        let both = [
            Completion(tag: open.tag.with(.fill), result: fill), Completion(tag: open.tag.with(.drain), result: drain),
        ]
        answers += reversed ? both.reversed() : both
    }

    func heldBytes(_ tag: DataPlane.Tag) -> Int32 { held[tag.with(.await).rawValue] ?? 0 }

    private func note(_ tag: DataPlane.Tag, _ bytes: Int32) { held[tag.with(.await).rawValue, default: 0] += bytes }

    private func isLane(_ intent: Intent) -> Bool {
        switch intent {
        case .rest, .move, .drainHeld: true
        case .accept, .connect, .watch, .receive, .send: false
        }
    }

    private func matches(_ open: Open, _ target: DataPlane.Tag) -> Bool {
        switch open.intent {
        case .accept, .connect: open.tag == target
        case .watch: target.operation == .watch && open.tag.with(.watch) == target
        case .rest, .move, .drainHeld, .send: target.operation == .await && open.tag.with(.await) == target
        case .receive: open.tag == target
        }
    }
}

/// An engine that answers what its script says: every errno at every operation, without a kernel in between.
struct ScriptedEngine: Engine, ~Copyable {
    let script: Script
    let buffers: BufferMemory

    init(script: Script, bufferCount: Int = 512) {
        self.script = script
        var settings = BufferSettings()
        settings.bytes = 4_096
        settings.count = bufferCount
        guard let memory = BufferMemory.reserve(settings) else { preconditionFailure("ScriptedEngine: no memory") }
        buffers = memory
    }

    deinit { buffers.release() }

    var isRipe: Bool { true }
    func nowNanos() -> Int64 { nowMillis() * 1_000_000 }
    func provide(_ buffer: UInt16) { script.provide(buffer) }
    func join(_ slice: BufferSlice, behind place: BufferSlice) { script.join(slice, behind: place) }
    func receive(from source: Int32, _ tag: DataPlane.Tag) -> Bool { script.take(tag, .receive) }

    func send(_ slice: BufferSlice, to sink: Int32, waits: Bool, isWatched: Bool, _ tag: DataPlane.Tag) -> Bool {
        script.take(tag, .send(slice))
    }

    func attach(_ socket: Int32) { script.attach() }
    func detach(_ socket: Int32) { script.detach() }
    func accept(_ listener: Int32, _ tag: DataPlane.Tag) -> Bool { script.take(tag, .accept) }

    func connect(_ socket: Int32, to address: UnsafePointer<SocketAddress>, _ tag: DataPlane.Tag) -> Bool {
        guard script.take(tag, .connect) else { return false }
        script.attach()
        return true
    }

    func awaitReadable(_ socket: Int32, _ tag: DataPlane.Tag) -> Bool { script.take(tag, .rest) }
    func watch(_ socket: Int32, _ tag: DataPlane.Tag) -> Bool { script.take(tag, .watch) }

    func move(from source: Int32, through pipe: PipePool.Pipe, to sink: Int32, length: UInt32, _ tag: DataPlane.Tag)
        -> Bool
    { script.take(tag, .move(asking: length)) }

    func carryFile(_ job: Job, from moved: UInt64, readUpTo: inout Int64) -> Carried {
        let end = min(job.length, script.fileEnd ?? job.length)
        guard moved < end else { return Carried(source: 0) }
        var count = min(script.filePartBytes, end - moved)
        count = min(count, script.cachedBytes - min(moved, script.cachedBytes))
        guard count > 0 else { return Carried(source: Errno.again) }
        script.fileParts.append(moved)
        return Carried(moved: Int32(count))
    }

    func setLowWater(_ socket: Int32, _ bytes: Int32) {
        script.lowWaters.append(Script.LowWater(socket: socket, bytes: bytes))
    }

    func drainHeld(
        from pipe: PipePool.Pipe, to sink: Int32, length: UInt32, isWatched: Bool, _ tag: DataPlane.Tag
    ) -> Bool { script.take(tag, .drainHeld(length)) }

    func readPlainly(
        from source: Int32, into pipe: PipePool.Pipe, by buffer: UnsafeMutableRawPointer, canHangUp: Bool, atMost: Int
    ) -> Int32 {
        script.plainRead ?? PlainRead.fill(from: source, into: pipe, by: buffer, canHangUp: canHangUp, atMost: atMost)
    }

    func carry(
        from source: Int32, to sink: Int32, by buffer: UnsafeMutableRawPointer, isTCP: Bool, canHangUp: Bool,
        atMost: Int32
    ) -> Carried {
        script.carried
            ?? PlainCarry.carry(from: source, to: sink, by: buffer, isTCP: isTCP, canHangUp: canHangUp, atMost: atMost)
    }

    func makePipe(bytes: Int32, _ pipe: inout PipePool.Pipe) -> Int32 {
        script.pipeFailure != 0 ? script.pipeFailure : RealCalls().makePipe(bytes: bytes, &pipe)
    }

    func cancel(_ target: DataPlane.Tag, on socket: Int32, _ tag: DataPlane.Tag) -> Bool { script.cancel(target, tag) }
    func turn(waitingNanoseconds: Int64, _ counters: borrowing Counters) {
        script.waitNanoseconds = waitingNanoseconds
        script.millisPassed += script.millisPerTurn
    }
    func nowMillis() -> Int64 { Clock.nowMillis() + script.millisPassed }
    func openSocket(family: Int32) -> Int32 {
        script.socketFailures.isEmpty ? clinux_socket(family) : script.socketFailures.removeFirst()
    }
    func pendingError(_ socket: Int32) -> Int32 {
        script.pendingError != 0 ? script.pendingError : clinux_pending_error(socket)
    }
    func peerAddress(of socket: Int32, _ address: inout SocketAddress) -> Int32 {
        script.peerAddress(of: socket, &address)
    }

    func reap(into batch: borrowing CompletionBatch, _ counters: borrowing Counters) -> Int {
        let count = min(script.answers.count, CompletionBatch.capacity)
        for index in 0..<count { batch.base[index] = script.answers[index] }
        script.answers.removeFirst(count)
        return count
    }
}
