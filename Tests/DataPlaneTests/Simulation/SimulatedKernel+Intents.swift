import LinuxCalls

@testable import DataPlane

/// A request that was submitted and not answered in full.
struct Intent {
    enum Kind {
        case accept
        case connect(SimulatedSocket)
        case awaitReadable(SimulatedSocket)
        case watch(SimulatedSocket)
        case move(from: SimulatedSocket, through: SimulatedPipe, to: SimulatedSocket, length: Int)
        case drainHeld(from: SimulatedPipe, to: SimulatedSocket, length: Int, isWatched: Bool)
        case receive(SimulatedSocket)
        case send(BufferSlice, to: SimulatedSocket, waits: Bool)
        /// A worker's eventfd, which the simulation's owner rings, or another worker.
        case bell(Int32)
    }

    let tag: DataPlane.Tag
    let kind: Kind
    /// Whose it is.
    var worker = 0
    /// A watch tells of room when it comes, not all the time: the announcements it has told.
    var roomSeen = 0
    /// A watch tells of the end once.
    var hasToldEnd = false
    /// A connect that will never be answered.
    var isSilent = false
    /// A receive that has missed a reset.
    var isDeaf = false

    init(_ tag: DataPlane.Tag, _ kind: Kind) {
        self.tag = tag
        self.kind = kind
    }

    func uses(_ socket: SimulatedSocket) -> Bool {
        switch kind {
        case .accept, .bell: false
        case .connect(let one), .awaitReadable(let one), .watch(let one), .receive(let one): one === socket
        case .move(let source, _, let sink, _): source === socket || sink === socket
        case .drainHeld(_, let sink, _, _), .send(_, let sink, _): sink === socket
        }
    }

    func receives(from socket: SimulatedSocket) -> Bool {
        if case .receive(let one) = kind { one === socket } else { false }
    }

    func sends(to socket: SimulatedSocket) -> Bool {
        if case .send(_, let one, _) = kind { one === socket } else { false }
    }

    func uses(_ buffer: UInt16) -> Bool {
        if case .send(let slice, _, _) = kind { slice.buffer == buffer } else { false }
    }

    func uses(_ pipe: SimulatedPipe) -> Bool {
        switch kind {
        case .move(_, let one, _, _), .drainHeld(let one, _, _, _): one === pipe
        case .accept, .connect, .awaitReadable, .watch, .receive, .send, .bell: false
        }
    }

    /// The tag that a withdrawal names, and that answers it.
    var withdrawalTag: DataPlane.Tag {
        switch kind {
        case .accept, .connect, .receive: tag
        case .watch: tag.with(.watch)
        case .awaitReadable, .move, .drainHeld, .send, .bell: tag.with(.await)
        }
    }
}

extension SimulatedKernel {
    /// Each request that can go on does, most of the time, in an order of chance.
    func runIntents() {
        guard !intents.isEmpty else { return }
        let start = random.below(intents.count)
        var kept: [Intent] = []
        let order = intents[start...] + intents[..<start]
        intents.removeAll(keepingCapacity: true)
        for var intent in order {
            if intent.worker == worker && random.draws(700) && run(&intent) { continue }
            kept.append(intent)
        }
        intents = kept
    }

    /// True where the request is over.
    private func run(_ intent: inout Intent) -> Bool {
        switch intent.kind {
        case .bell(let bell):
            guard rungBells.remove(bell) != nil else { return false }
            answer(intent.tag, PollEvents.readable)
            return true
        case .accept: return runAccept(intent)
        case .connect(let socket): return runConnect(&intent, socket)
        case .watch(let socket): return runWatch(&intent, socket)
        case .awaitReadable(let socket):
            guard socket.isReadable || strikes(faults.fillAgain, "poll for nothing") else { return false }
            answer(
                intent.tag.with(.await),
                strikes(faults.noMemory, "ENOMEM from a poll") ? Errno.noMemory : PollEvents.readable)
            return true
        case .move(let source, let pipe, let sink, let length):
            guard source.isReadable || strikes(faults.fillAgain, "poll for nothing") else { return false }
            pair(source, sink)
            let filled = fill(source, pipe, length)
            answer(intent.tag.with(.fill), filled)
            answer(
                intent.tag.with(.drain),
                pipe.bytes.isEmpty ? Errno.again : drain(pipe, sink, length, again: faults.drainAgain))
            return true
        case .receive(let source):
            guard !intent.isDeaf && (source.isReadable || strikes(faults.fillAgain, "receive for nothing")) else {
                return false
            }
            return runReceive(&intent, source)
        case .send(let slice, let sink, let waits):
            guard !waits || sink.hasRoom || sink.resetCame || sink.finCame else { return false }
            answer(intent.tag, send(slice, sink, again: waits ? faults.drainHeldAgain : faults.drainAgain))
            return true
        case .drainHeld(let pipe, let sink, let length, let isWatched):
            // A poll is over as soon as the peer has sent FIN, room or not (POLLRDHUP).
            guard isWatched || sink.hasRoom || sink.resetCame || sink.finCame else { return false }
            answer(intent.tag.with(.drain), drain(pipe, sink, length, again: faults.drainHeldAgain))
            return true
        }
    }

    private func runAccept(_ intent: Intent) -> Bool {
        if strikes(faults.acceptFails, "accept fails") {
            let errors = [
                Errno.tooManyInProcess, Errno.tooManyInSystem, Errno.noBuffers, Errno.noMemory, Errno.aborted,
                Errno.interrupted,
            ]
            answer(intent.tag, errors[random.below(errors.count)])
            return true
        }
        guard hasClients else { return false }
        guard let number = acceptOne() else {
            answer(intent.tag, Errno.tooManyInProcess)
            return true
        }
        let ends = strikes(faults.multishotEnds, "multishot accept ends")
        answer(intent.tag, number, goesOn: !ends)
        return ends
    }

    private func runConnect(_ intent: inout Intent, _ socket: SimulatedSocket) -> Bool {
        guard !intent.isSilent else { return false }
        if strikes(faults.connectNeverAnswers, "connect without answer") {
            hasFailedConnects = true
            intent.isSilent = true
            return false
        }
        if strikes(faults.connectFails, "connect fails") {
            hasFailedConnects = true
            let errors = [Errno.refused, Errno.hostUnreachable, Errno.addressNotAvailable, Errno.reset, Errno.timedOut]
            answer(intent.tag, errors[random.below(errors.count)])
        } else {
            makeServer(for: socket)
            answer(intent.tag, 0)
        }
        return true
    }

    private func runWatch(_ intent: inout Intent, _ socket: SimulatedSocket) -> Bool {
        var events: Int32 = 0
        if socket.hasRoom && intent.roomSeen != socket.roomTold {
            events |= PollEvents.writable
            intent.roomSeen = socket.roomTold
        }
        if socket.hasHungUp && !intent.hasToldEnd {
            events |= PollEvents.hangup
            intent.hasToldEnd = true
        }
        guard events != 0 else { return false }
        if socket.finCame { events |= PollEvents.readHangup }
        let ends = strikes(faults.multishotEnds, "multishot watch ends")
        answer(intent.tag.with(.watch), events, goesOn: !ends)
        return ends
    }

    // MARK: Moving

    /// What a signal does to a splice.
    var interruption: Int32 { random.draws(500) ? Errno.interrupted : Errno.restart }

    func pair(_ source: SimulatedSocket, _ sink: SimulatedSocket) {
        guard let a = source.far, let b = sink.far else {
            breaches.append("bytes are moved before both sides are connected")
            return
        }
        if a.counterpart == nil && b.counterpart == nil {
            a.counterpart = b
            b.counterpart = a
        } else if a.counterpart !== b || b.counterpart !== a {
            breaches.append("stream \(a.stream) is tied to \(b.stream), which is not its own")
        }
    }

    private func fill(_ source: SimulatedSocket, _ pipe: SimulatedPipe, _ length: Int) -> Int32 {
        if strikes(faults.fillAgain, "EAGAIN from a fill") { return Errno.again }
        if strikes(faults.interrupted, "EINTR from a fill") { return interruption }
        if strikes(faults.canceled, "ECANCELED from a fill") { return Errno.canceled }
        if strikes(faults.notSpliceable, "EINVAL from a fill") { return Errno.invalid }
        if strikes(faults.noMemory, "ENOMEM from a fill") { return Errno.noMemory }
        if strikes(faults.noBuffers, "ENOBUFS from a fill") { return Errno.noBuffers }
        if strikes(faults.connectionDies, "ECONNRESET from a fill") {
            kill(source)
            return Errno.reset
        }
        guard !source.incoming.isEmpty else { return source.resultOfEmptyRead }
        var count = min(length, source.incoming.count, pipe.capacity)
        if strikes(faults.shortFill, "short fill") { count = 1 + random.below(count) }
        return Int32(source.incoming.take(count) { pipe.bytes.append($0) })
    }

    private func drain(_ pipe: SimulatedPipe, _ sink: SimulatedSocket, _ length: Int, again: Int) -> Int32 {
        if strikes(again, "EAGAIN from a drain") {
            sink.wasFull()
            return Errno.again
        }
        if strikes(faults.interrupted, "EINTR from a drain") { return interruption }
        if strikes(faults.canceled, "ECANCELED from a drain") { return Errno.canceled }
        if strikes(faults.noMemory, "ENOMEM from a drain") { return Errno.noMemory }
        if strikes(faults.noBuffers, "ENOBUFS from a drain") { return Errno.noBuffers }
        if strikes(faults.connectionDies, "EPIPE from a drain") {
            kill(sink)
            return Errno.brokenPipe
        }
        if sink.resetCame {
            let error = sink.takeError()
            return error != 0 ? error : Errno.brokenPipe
        }
        guard sink.hasRoom else {
            sink.wasFull()
            return Errno.again
        }
        var count = min(length, pipe.bytes.count, sink.outgoingRoom - sink.outgoing.count)
        if strikes(faults.shortDrain, "short drain") { count = 1 + random.below(count) }
        return Int32(pipe.bytes.take(count) { sink.outgoing.append($0) })
    }

    /// A carry of one round, which stops wherever a real one may.
    func carry(_ source: SimulatedSocket, _ sink: SimulatedSocket, canHangUp: Bool, atMost: Int) -> Carried {
        pair(source, sink)
        if strikes(faults.interrupted, "EINTR from a carry") { return Carried(source: Errno.interrupted) }
        if strikes(faults.noMemory, "ENOMEM from a carry") { return Carried(sink: Errno.noMemory) }
        guard !source.incoming.isEmpty else {
            let result = source.resultOfEmptyRead
            return Carried(source: result == 0 && canHangUp && source.hasHungUp ? Errno.reset : result)
        }
        if sink.resetCame {
            let error = sink.takeError()
            return Carried(sink: error != 0 ? error : Errno.brokenPipe)
        }
        guard sink.hasRoom else {
            sink.wasFull()
            return Carried(sink: Errno.again)
        }
        let room = sink.outgoingRoom - sink.outgoing.count
        let moved = source.incoming.take(min(room, atMost, 1 + random.below(8_192))) { sink.outgoing.append($0) }
        injected["carried without a pipe", default: 0] += 1
        if source.incoming.isEmpty && moved < atMost { return Carried(moved: Int32(moved), source: Errno.again) }
        return Carried(moved: Int32(moved))
    }

    /// The network gives a connection up: both its ends are reset, and the pair's other side may be as well.
    func kill(_ socket: SimulatedSocket) {
        socket.far?.isExcused = true
        socket.far?.counterpart?.isExcused = true
        socket.reset()
        socket.resetSent = true
        _ = socket.takeError()
    }

    // MARK: Withdrawing

    func cancel(_ target: DataPlane.Tag, _ tag: DataPlane.Tag) -> Bool {
        guard mayTake() else { return false }
        guard let index = intents.firstIndex(where: { $0.worker == worker && $0.withdrawalTag == target }) else {
            answer(tag.with(.cancel), Errno.noEntry)
            return true
        }
        if isUnderWay(intents[index]) && strikes(faults.cancelTooLate, "cancel comes too late") {
            answer(tag.with(.cancel), -114)  // EALREADY
            return true
        }
        intents.remove(at: index)
        answer(target, Errno.canceled)
        return true
    }

    /// What can go on at this moment may be past withdrawing.
    private func isUnderWay(_ intent: Intent) -> Bool {
        switch intent.kind {
        case .accept, .watch, .bell: false
        case .connect: !intent.isSilent
        case .awaitReadable(let socket), .move(let socket, _, _, _): socket.isReadable
        case .receive(let socket): !intent.isDeaf && socket.isReadable
        case .send(_, let sink, let waits): !waits || sink.hasRoom || sink.resetCame || sink.finCame
        case .drainHeld(_, let sink, _, let isWatched): isWatched || sink.hasRoom || sink.resetCame || sink.finCame
        }
    }
}
