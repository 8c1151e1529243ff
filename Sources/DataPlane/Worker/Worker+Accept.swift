import CLinux
import LinuxCalls

extension Worker where E: ~Copyable {
    mutating func resumeAccept(_ completion: Completion) {
        let listener = listeners[Int(completion.tag.slot)]
        if completion.result >= 0 {
            receive(completion.result, from: listener.pointee)
        } else {
            failedAccept(completion.result, listener)
        }
        if !completion.goesOn { accepted(last: listener) }
    }

    /// This worker serves a client: it gets a knot, and the knot an upstream.
    mutating func admit(_ newcomer: Newcomer) {
        counters.add(.accepted)
        let client = clientAddress(of: newcomer)
        guard !table.isFull else { return refuse(newcomer, client, .refusedAtLimit, .limit) }
        let owesHeader = greeting(of: newcomer, client)
        // Who speaks for others is let in; whether its client is, its header tells.
        var pool: UInt16?
        if owesHeader != true {
            pool = self.pool(for: newcomer, client, greets: owesHeader != nil)
            guard pool != nil else { return refuse(newcomer, client, .refusedByAddress, .denied) }
            if let refusal = enter(client, through: newcomer.listener) {
                return refuse(newcomer, client, refusal.counter, refusal.end)
            }
        }
        guard let slot = table.acquire() else { preconditionFailure("Worker: a table that is not full has no slot") }
        engine.attach(newcomer.socket)
        let knot = table[slot]
        knot.pointee.begin(
            client: newcomer.socket, isTCP: newcomer.isTCP, relay: settings.relay.policy, at: now)
        knot.pointee.listener = newcomer.listener
        knot.pointee.pool = pool ?? 0
        if pool != nil { hasEntered(slot, client) }
        beginRecord(slot, newcomer, client, owesHeader: owesHeader == true)
        beginPace(slot, of: newcomer.listener)
        pauseAtLimit()
        if let owesHeader {
            let accepted = newcomer.acceptedAtMillis
            follow(knot.pointee.greet(owesHeader: owesHeader, accepted: accepted), slot)
        } else if settings.isEcho {
            counters.add(.tied)
            follow(knot.pointee.tieToItself(at: now), slot)
        } else {
            connect(slot)
            follow([], slot)
        }
    }

    /// Nil for who may not come.
    /// - Parameter greets: it is asked for a pool again when it has been heard, so any will do.
    private func pool(for newcomer: Newcomer, _ client: borrowing SocketAddress, greets: Bool) -> UInt16? {
        let listener = servers.listener(newcomer.listener)
        guard listener.pointee.choosesByAddress else { return greets ? 0 : listener.pointee.pool(for: client) }
        // One that has gone already cannot be told from one that may not come.
        if newcomer.isTCP { guard !client.isUnknown else { return nil } }
        guard listener.pointee.admits(client) else { return nil }
        return greets ? 0 : listener.pointee.pool(for: client)
    }

    private mutating func refuse(
        _ newcomer: Newcomer, _ client: borrowing SocketAddress, _ counter: Counter, _ end: ConnectionEnd
    ) {
        counters.add(counter)
        counters.add(.closed)
        recordRefusal(newcomer, client, end)
        uncount()
        engine.setResetOnClose(newcomer.socket)
        engine.close(newcomer.socket)
    }

    private func failedAccept(_ result: Int32, _ listener: UnsafeMutablePointer<Listener>) {
        switch AcceptFailure(result) {
        case .aborted: counters.add(.acceptAborted)
        case .withdrawn: break
        case .shortOfDescriptors:
            counters.add(.acceptShortOfDescriptors)
            listener.pointee.isShort = true
            listener.pointee.retryAtMillis = now &+ Self.retryMillis
            seat?.tellShortage(at: now)
        case .shortOfMemory:
            counters.add(.acceptShortOfMemory)
            listener.pointee.isShort = true
            listener.pointee.retryAtMillis = now &+ Self.retryMillis
            seat?.tellShortage(at: now)
        case .otherwise:
            counters.add(.acceptFailedOtherwise)
            listener.pointee.retryAtMillis = now &+ Self.retryMillis
        }
    }

    /// A multishot accept ends when it is withdrawn, when it fails, and when the completion queue was full.
    private mutating func accepted(last listener: UnsafeMutablePointer<Listener>) {
        counters.add(.acceptEnded)
        listener.pointee.state = .paused
        if isLeaving || listener.pointee.isLeaving { serveQueue(of: listener) }
    }

    // MARK: Pausing

    var hasPausedListener: Bool {
        for index in 0..<listeners.count where listeners[index].pointee.state == .paused { return true }
        return false
    }

    var hasArmedListener: Bool {
        for index in 0..<listeners.count where listeners[index].pointee.state == .armed { return true }
        return false
    }

    var allListenersClosed: Bool {
        for index in 0..<listeners.count where listeners[index].pointee.state != .closed { return false }
        return true
    }

    mutating func pauseAtLimit() {
        guard connections.current >= settings.connectionsMax else { return }
        for index in 0..<listeners.count where listeners[index].pointee.state == .armed {
            counters.add(.acceptPausedAtLimit)
            withdrawAccept(index)
        }
    }

    private mutating func withdrawAccept(_ index: Int) {
        let tag = Self.acceptTag(index)
        let listener = listeners[index]
        if engine.cancel(tag, on: listener.pointee.socket, tag) { listener.pointee.state = .pausing }
    }

    /// Arms every paused listener whose time has come, while there is room for connections.
    mutating func retryPaused() {
        guard hasPausedListener, !isLeaving, connections.current < settings.connectionsMax else { return }
        for index in 0..<listeners.count {
            let listener = listeners[index]
            guard listener.pointee.state == .paused, !listener.pointee.isLeaving,
                now >= listener.pointee.retryAtMillis
            else { continue }
            if listener.pointee.isShort && !relieve(listener) { continue }
            if engine.accept(listener.pointee.socket, Self.acceptTag(index)) { listener.pointee.state = .armed }
        }
    }

    // MARK: Shortage

    /// There was no descriptor for an upstream: who comes now waits in the accept queue, where it costs nothing.
    mutating func pauseForShortage() {
        seat?.tellShortage(at: now)
        for index in 0..<listeners.count {
            let listener = listeners[index]
            listener.pointee.isShort = true
            listener.pointee.retryAtMillis = now &+ Self.retryMillis
            if listener.pointee.state == .armed { withdrawAccept(index) }
        }
    }

    /// Serves the accept queue one by one while there are two descriptors for each. True when the queue is empty and the
    /// shortage over.
    private mutating func relieve(_ listener: UnsafeMutablePointer<Listener>) -> Bool {
        listener.pointee.retryAtMillis = now &+ Self.retryMillis
        seat?.tellShortage(at: now)
        for _ in 0..<Self.reliefsPerTurn where connections.current < settings.connectionsMax {
            // One for the client, one for its upstream: nobody is taken from the queue who could not be served.
            guard hasDescriptors(2) else { return false }
            let socket = engine.acceptNow(listener.pointee.socket)
            switch socket {
            case 0...: receive(socket, from: listener.pointee)
            case Errno.again:
                listener.pointee.isShort = !hasDescriptors(Self.descriptorsToResume)
                return !listener.pointee.isShort
            case Errno.aborted, Errno.interrupted, Errno.protocolError: counters.add(.acceptAborted)
            default: return false
            }
        }
        return false
    }

    /// Asks the kernel by taking so many and giving them back.
    private func hasDescriptors(_ count: Int) -> Bool {
        let first = engine.openSocket(family: Self.anyFamily)
        guard first >= 0 else { return false }
        let hasOthers = count == 1 || hasDescriptors(count - 1)
        engine.close(first)
        return hasOthers
    }

    private static var reliefsPerTurn: Int { 64 }
    /// A multishot accept takes whoever comes, so it is armed again only with some room.
    private static var descriptorsToResume: Int { 16 }
    private static var anyFamily: Int32 { 1 }  // AF_UNIX: no family is cheaper

    // MARK: Leaving

    /// No more connections through listeners that leave, or through any where the worker does; those that wait in the accept queue
    /// are served first. Asked for at each turn, since there may be no room to withdraw an accept at once.
    mutating func stopAccepting() {
        guard order < .stop else { return }
        for index in 0..<listeners.count where isLeaving || listeners[index].pointee.isLeaving {
            switch listeners[index].pointee.state {
            case .armed: withdrawAccept(index)
            case .paused: serveQueue(of: listeners[index])
            case .pausing, .closed: break
            }
        }
    }

    /// No accept queue is longer (listen(2), net.core.somaxconn), so a storm of clients cannot keep a worker from leaving.
    private static var backlogMax: Int { 65_535 }

    /// Closing a listener resets what is in its queue, so the queue is emptied before.
    private mutating func serveQueue(of listener: UnsafeMutablePointer<Listener>) {
        for _ in 0..<Self.backlogMax where order < .cut {
            let socket = engine.acceptNow(listener.pointee.socket)
            if socket == Errno.aborted || socket == Errno.interrupted { continue }
            guard socket >= 0 else { break }
            receive(socket, from: listener.pointee)
        }
        engine.detach(listener.pointee.socket)
        engine.close(listener.pointee.socket)
        close(listener)
    }

    private mutating func close(_ listener: UnsafeMutablePointer<Listener>) {
        listener.pointee.state = .closed
        if listener.pointee.isLeaving { listenersLeaving -= 1 }
    }

    /// Whatever is still open when the worker leaves.
    mutating func closeListeners() {
        for index in 0..<listeners.count {
            let listener = listeners[index]
            guard listener.pointee.state != .closed else { continue }
            engine.close(listener.pointee.socket)
            close(listener)
        }
    }

    static func acceptTag(_ index: Int) -> Tag { Tag(slot: UInt32(index), generation: 0, operation: .accept) }
}
