import CLinux
import LinuxCalls

@testable import DataPlane

/// The dice and the books of one `FaultyEngine`: a class, since plain calls do not change an engine.
final class FaultDice {
    let plan: FaultPlan
    var random: SeededRandom
    private(set) var injected: [String: Int] = [:]
    /// Completions handed to the worker.
    var operations = 0

    init(_ plan: FaultPlan, seed: UInt64) {
        self.plan = plan
        random = SeededRandom(state: seed)
    }

    /// What a signal does to a splice.
    var interruption: Int32 { random.draws(500) ? Errno.interrupted : Errno.restart }

    func strikes(_ perMille: Int, _ name: String) -> Bool {
        guard random.draws(perMille) else { return false }
        injected[name, default: 0] += 1
        return true
    }
}

/// A real engine whose answers go wrong as a plan says.
///
/// What is injected is something the kernel could have said: an errno with which nothing moved, a count that is short because
/// less was moved, a connection that is really reset, a completion that comes later or after another one.
struct FaultyEngine<Base: Engine & ~Copyable>: Engine, ~Copyable {
    private var base: Base
    let dice: FaultDice
    private let inner = CompletionBatch()
    /// Completions on their way.
    private var pending: [(answer: Completion, dueTurn: Int)] = []
    /// The same by their tags: how many, and when the last one of them is due. So that nothing is looked for among hundreds, which takes
    /// minutes under a sanitizer.
    private var waiting: [UInt64: (count: Int, dueTurn: Int)] = [:]
    private var turns = 0
    private var refusals = 0
    /// Multishots that are being ended here, by tag, and the socket of each that is out.
    private var ending: Set<UInt64> = []
    private var multishots: [UInt64: Int32] = [:]

    init(_ base: consuming Base, _ dice: FaultDice) {
        self.base = base
        self.dice = dice
    }

    mutating func attach(_ socket: Int32) { base.attach(socket) }
    mutating func detach(_ socket: Int32) { base.detach(socket) }

    // MARK: Intents

    mutating func accept(_ listener: Int32, _ tag: DataPlane.Tag) -> Bool {
        guard mayTake(), base.accept(listener, tag) else { return false }
        multishots[tag.rawValue] = listener
        return true
    }

    mutating func connect(_ socket: Int32, to address: UnsafePointer<SocketAddress>, _ tag: DataPlane.Tag) -> Bool {
        mayTake() && base.connect(socket, to: address, tag)
    }

    mutating func awaitReadable(_ socket: Int32, _ tag: DataPlane.Tag) -> Bool {
        mayTake() && base.awaitReadable(socket, tag)
    }

    mutating func leaveUnread(_ socket: Int32) { base.leaveUnread(socket) }

    mutating func watch(_ socket: Int32, _ tag: DataPlane.Tag) -> Bool {
        guard mayTake(), base.watch(socket, tag) else { return false }
        multishots[tag.with(.watch).rawValue] = socket
        return true
    }

    mutating func move(
        from source: Int32, through pipe: PipePool.Pipe, to sink: Int32, length: UInt32, _ tag: DataPlane.Tag
    ) -> Bool {
        guard mayTake() else { return false }
        if let errno = fillFault(source) {
            answer(tag.with(.fill), errno)
            answer(tag.with(.drain), Errno.again)
            return true
        }
        var wanted = Int(length)
        if dice.strikes(dice.plan.shortFill, "short fill") { wanted = 1 + dice.random.below(8_192) }
        let drainFault = drainFault(sink, again: dice.plan.drainAgain)
        let isShort = dice.strikes(dice.plan.shortDrain, "short drain")
        guard wanted < Int(length) || drainFault != nil || isShort else {
            return base.move(from: source, through: pipe, to: sink, length: length, tag)
        }
        let filled = clinux_splice(source, pipe.writeEnd, wanted)
        // Nothing there: the engine waits for it as always.
        guard filled > 0 else { return base.move(from: source, through: pipe, to: sink, length: length, tag) }
        answer(tag.with(.fill), Int32(filled))
        let drained = isShort ? 1 + dice.random.below(Int(filled)) : Int(filled)
        answer(tag.with(.drain), drainFault ?? Int32(clinux_splice(pipe.readEnd, sink, drained)))
        return true
    }

    mutating func drainHeld(
        from pipe: PipePool.Pipe, to sink: Int32, length: UInt32, isWatched: Bool, _ tag: DataPlane.Tag
    ) -> Bool {
        guard mayTake() else { return false }
        // A watch will tell of room only where there was none, so «no room» is not made up for a watched sink.
        if !isWatched, let errno = drainFault(sink, again: dice.plan.drainHeldAgain) {
            answer(tag.with(.drain), errno)
            return true
        }
        if length > 1 && dice.strikes(dice.plan.shortDrain, "short drain") {
            let drained = clinux_splice(pipe.readEnd, sink, 1 + dice.random.below(Int(length) - 1))
            if drained > 0 {
                answer(tag.with(.drain), Int32(drained))
                return true
            }
        }
        return base.drainHeld(from: pipe, to: sink, length: length, isWatched: isWatched, tag)
    }

    var buffers: BufferMemory { base.buffers }
    var isRipe: Bool { !pending.isEmpty || base.isRipe }
    mutating func provide(_ buffer: UInt16) { base.provide(buffer) }

    mutating func receive(from source: Int32, _ tag: DataPlane.Tag) -> Bool {
        guard mayTake() else { return false }
        if let errno = receiveFault(source) {
            answer(tag, errno)
            return true
        }
        guard base.receive(from: source, tag) else { return false }
        multishots[tag.rawValue] = source
        return true
    }

    mutating func send(
        _ slice: BufferSlice, to sink: Int32, waits: Bool, isWatched: Bool, _ tag: DataPlane.Tag
    ) -> Bool {
        guard mayTake() else { return false }
        // See `drainHeld`.
        let again = waits ? dice.plan.drainHeldAgain : dice.plan.drainAgain
        if !(waits && isWatched), let errno = drainFault(sink, again: again) {
            answer(tag, errno)
            return true
        }
        if slice.length > 1 && dice.strikes(dice.plan.shortDrain, "short send") {
            let length = 1 + dice.random.below(Int(slice.length) - 1)
            let sent = clinux_send(sink, base.buffers.start(of: slice.buffer) + Int(slice.offset), length)
            if sent > 0 {
                answer(tag, Int32(sent))
                return true
            }
        }
        return base.send(slice, to: sink, waits: waits, isWatched: isWatched, tag)
    }

    mutating func cancel(_ target: DataPlane.Tag, on socket: Int32, _ tag: DataPlane.Tag) -> Bool {
        guard mayTake() else { return false }
        ending.remove(target.rawValue)
        // What is answered here already cannot be withdrawn any more.
        if target.operation == .await && isAnswered(target) {
            answer(tag.with(.cancel), -114)  // EALREADY
            return true
        }
        return base.cancel(target, on: socket, tag)
    }

    private func isAnswered(_ target: DataPlane.Tag) -> Bool {
        waiting[target.with(.fill).rawValue] != nil || waiting[target.with(.drain).rawValue] != nil
            || waiting[target.with(.send).rawValue] != nil
    }

    private func fillFault(_ source: Int32) -> Int32? {
        let plan = dice.plan
        if dice.strikes(plan.fillAgain, "EAGAIN from a fill") { return Errno.again }
        if dice.strikes(plan.interrupted, "EINTR from a fill") { return dice.interruption }
        if dice.strikes(plan.canceled, "ECANCELED from a fill") { return Errno.canceled }
        if dice.strikes(plan.notSpliceable, "EINVAL from a fill") { return Errno.invalid }
        if dice.strikes(plan.noMemory, "ENOMEM from a fill") { return Errno.noMemory }
        if dice.strikes(plan.noBuffers, "ENOBUFS from a fill") { return Errno.noBuffers }
        guard dice.strikes(plan.connectionDies, "ECONNRESET from a fill") else { return nil }
        _ = clinux_reset(source)
        return Errno.reset
    }

    private func receiveFault(_ source: Int32) -> Int32? {
        let plan = dice.plan
        if dice.strikes(plan.fillAgain, "EAGAIN from a receive") { return Errno.again }
        if dice.strikes(plan.interrupted, "EINTR from a receive") { return Errno.interrupted }
        if dice.strikes(plan.canceled, "ECANCELED from a receive") { return Errno.canceled }
        if dice.strikes(plan.noMemory, "ENOMEM from a receive") { return Errno.noMemory }
        if dice.strikes(plan.noBuffers, "ENOBUFS from a receive") { return Errno.noBuffers }
        guard dice.strikes(plan.connectionDies, "ECONNRESET from a receive") else { return nil }
        _ = clinux_reset(source)
        return Errno.reset
    }

    private func drainFault(_ sink: Int32, again: Int) -> Int32? {
        let plan = dice.plan
        if dice.strikes(again, "EAGAIN from a drain") { return Errno.again }
        if dice.strikes(plan.interrupted, "EINTR from a drain") { return dice.interruption }
        if dice.strikes(plan.canceled, "ECANCELED from a drain") { return Errno.canceled }
        if dice.strikes(plan.noMemory, "ENOMEM from a drain") { return Errno.noMemory }
        if dice.strikes(plan.noBuffers, "ENOBUFS from a drain") { return Errno.noBuffers }
        guard dice.strikes(plan.connectionDies, "EPIPE from a drain") else { return nil }
        _ = clinux_reset(sink)
        return Errno.brokenPipe
    }

    private mutating func mayTake() -> Bool {
        if refusals == 0 && dice.strikes(dice.plan.submissionQueueFull, "submission queue full") {
            refusals = 1 + dice.random.below(3)
        }
        guard refusals > 0 else { return true }
        refusals -= 1
        return false
    }

    // MARK: Turns

    mutating func turn(waitingNanoseconds: Int64, _ counters: borrowing Counters) {
        turns += 1
        // What waits here is due within a few turns.
        let wait =
            pending.isEmpty ? waitingNanoseconds : min(waitingNanoseconds < 0 ? .max : waitingNanoseconds, 200_000)
        base.turn(waitingNanoseconds: isSomethingDue ? 0 : wait, counters)
    }

    private var isSomethingDue: Bool {
        for place in pending.indices where pending[place].dueTurn <= turns { return true }
        return false
    }

    mutating func reap(into batch: borrowing CompletionBatch, _ counters: borrowing Counters) -> Int {
        let reaped = base.reap(into: inner, counters)
        for index in 0..<reaped { take(inner[index]) }
        var room = CompletionBatch.capacity
        if dice.strikes(dice.plan.completionQueueFull, "completion queue full") { room = 1 + dice.random.below(4) }
        var count = 0
        var place = 0
        while count < room && place < pending.count {
            guard pending[place].dueTurn <= turns else {
                place += 1
                continue
            }
            var picked = place
            if dice.strikes(dice.plan.reordered, "reordered completion") { picked = pick(from: place) }
            batch.base[count] = remove(at: picked)
            count += 1
        }
        dice.operations += count
        return count
    }

    private mutating func remove(at place: Int) -> Completion {
        let answer = pending.remove(at: place).answer
        let tag = answer.tag.rawValue
        waiting[tag]?.count -= 1
        if waiting[tag]?.count == 0 { waiting[tag] = nil }
        return answer
    }

    private func pick(from place: Int) -> Int {
        let picked = place + dice.random.below(pending.count - place)
        guard pending[picked].dueTurn <= turns else { return place }
        return pending.firstIndex { $0.answer.tag == pending[picked].answer.tag } ?? place
    }

    /// One of the real engine's answers; a multishot may be ended on the way.
    private mutating func take(_ completion: Completion) {
        let tag = completion.tag
        if !completion.goesOn { multishots[tag.rawValue] = nil }
        if ending.contains(tag.rawValue) && !completion.goesOn {
            ending.remove(tag.rawValue)
            // The worker did not ask for this end, so it is not told of a withdrawal.
            let isOurs = completion.result == Errno.canceled
            return answer(tag, isOurs ? earlyEnd(of: tag.operation) : completion.result, flags: completion.flags)
        }
        answer(tag, completion.result, flags: completion.flags)
        guard completion.goesOn, let socket = multishots[tag.rawValue], !ending.contains(tag.rawValue) else { return }
        if dice.strikes(dice.plan.multishotEnds, "a multishot ends"), base.cancel(tag, on: socket, tag) {
            ending.insert(tag.rawValue)
        }
    }

    private func earlyEnd(of operation: DataPlane.Operation?) -> Int32 {
        switch operation {
        case .accept: Errno.aborted
        case .receive: dice.random.draws(500) ? Errno.noBuffers : Errno.interrupted
        default: 0
        }
    }

    private mutating func answer(_ tag: DataPlane.Tag, _ result: Int32, flags: UInt32 = 0) {
        let delay = dice.strikes(dice.plan.delayed, "delayed completion") ? 1 + dice.random.below(5) : 0
        let earlier = waiting[tag.rawValue] ?? (count: 0, dueTurn: 0)
        let due = max(earlier.dueTurn, turns + delay)
        pending.append((Completion(tag: tag, result: result, flags: flags), due))
        waiting[tag.rawValue] = (earlier.count + 1, due)
    }
}

/// Plain calls that fail as the plan says.
extension FaultyEngine where Base: ~Copyable {
    func openSocket(family: Int32) -> Int32 {
        dice.strikes(dice.plan.socketFails, "socket fails") ? Errno.tooManyInProcess : base.openSocket(family: family)
    }

    func makePipe(bytes: Int32, _ pipe: inout PipePool.Pipe) -> Int32 {
        if dice.strikes(dice.plan.pipeFails, "pipe2 fails") { return Errno.tooManyInProcess }
        return base.makePipe(bytes: dice.strikes(dice.plan.pipeSmall, "small pipe") ? 4_096 : bytes, &pipe)
    }

    func readPlainly(
        from source: Int32, into pipe: PipePool.Pipe, by buffer: UnsafeMutableRawPointer, canHangUp: Bool, atMost: Int
    ) -> Int32 {
        if dice.strikes(dice.plan.interrupted, "EINTR from a plain read") { return Errno.interrupted }
        if dice.strikes(dice.plan.noMemory, "ENOMEM from a plain read") { return Errno.noMemory }
        return base.readPlainly(from: source, into: pipe, by: buffer, canHangUp: canHangUp, atMost: atMost)
    }

    func carry(
        from source: Int32, to sink: Int32, by buffer: UnsafeMutableRawPointer, isTCP: Bool, canHangUp: Bool,
        atMost: Int32
    ) -> Carried {
        if dice.strikes(dice.plan.interrupted, "EINTR from a carry") { return Carried(source: Errno.interrupted) }
        if dice.strikes(dice.plan.noBuffers, "ENOBUFS from a carry") { return Carried(sink: Errno.noBuffers) }
        return base.carry(from: source, to: sink, by: buffer, isTCP: isTCP, canHangUp: canHangUp, atMost: atMost)
    }
}
