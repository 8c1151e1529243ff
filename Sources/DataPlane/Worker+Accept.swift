import CLinux
import LinuxCalls

extension Worker where E: ~Copyable {
    mutating func resumeAccept(_ completion: Completion) {
        let listener = listeners[Int(completion.tag.slot)]
        if completion.result >= 0 {
            admit(completion.result, from: listener.pointee)
        } else {
            failedAccept(completion.result, listener)
        }
        if !completion.goesOn { accepted(last: listener) }
    }

    /// A client is here: it gets a knot, and the knot an upstream.
    private mutating func admit(_ socket: Int32, from listener: Listener) {
        counters.add(.accepted)
        let total = connections.add(1)
        guard let slot = table.acquire() else {
            counters.add(.refusedAtLimit)
            counters.add(.closed)
            _ = connections.add(-1)
            engine.setResetOnClose(socket)
            engine.close(socket)
            return
        }
        engine.attach(socket)
        let knot = table[slot]
        knot.pointee.begin(client: socket, isTCP: listener.isTCP, at: now)
        if total >= Int64(settings.connectionsMax) { pauseAccepting() }
        if settings.isEcho {
            counters.add(.tied)
            follow(knot.pointee.tieToItself(at: now), slot)
        } else {
            connect(slot)
            follow([], slot)
        }
    }

    private func failedAccept(_ result: Int32, _ listener: UnsafeMutablePointer<Listener>) {
        switch AcceptFailure(result) {
        case .aborted: counters.add(.acceptAborted)
        case .withdrawn: break
        case .shortOfDescriptors:
            counters.add(.acceptShortOfDescriptors)
            listener.pointee.retryAtMillis = now &+ Self.retryMillis
        case .shortOfMemory:
            counters.add(.acceptShortOfMemory)
            listener.pointee.retryAtMillis = now &+ Self.retryMillis
        case .otherwise:
            counters.add(.acceptFailedOtherwise)
            listener.pointee.retryAtMillis = now &+ Self.retryMillis
        }
    }

    /// A multishot accept ends when it is withdrawn, when it fails, and when the completion queue was full.
    private mutating func accepted(last listener: UnsafeMutablePointer<Listener>) {
        counters.add(.acceptEnded)
        listener.pointee.state = .paused
        if isLeaving { serveQueue(of: listener) }
    }

    // MARK: Pausing

    var hasPausedListener: Bool {
        for index in 0..<listeners.count where listeners[index].pointee.state == .paused { return true }
        return false
    }

    var allListenersClosed: Bool {
        for index in 0..<listeners.count where listeners[index].pointee.state != .closed { return false }
        return true
    }

    private mutating func pauseAccepting() {
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
            guard listener.pointee.state == .paused, now >= listener.pointee.retryAtMillis else { continue }
            if engine.accept(listener.pointee.socket, Self.acceptTag(index)) { listener.pointee.state = .armed }
        }
    }

    // MARK: Leaving

    /// No more connections; those that wait in the accept queue are served first.
    mutating func stopAccepting() {
        for index in 0..<listeners.count {
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
            admit(socket, from: listener.pointee)
        }
        engine.detach(listener.pointee.socket)
        engine.close(listener.pointee.socket)
        listener.pointee.state = .closed
    }

    /// Whatever is still open when the worker leaves.
    mutating func closeListeners() {
        for index in 0..<listeners.count {
            let listener = listeners[index]
            guard listener.pointee.state != .closed else { continue }
            engine.close(listener.pointee.socket)
            listener.pointee.state = .closed
        }
    }

    static func acceptTag(_ index: Int) -> Tag { Tag(slot: UInt32(index), generation: 0, operation: .accept) }
}
