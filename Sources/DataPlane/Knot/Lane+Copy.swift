import LinuxCalls

/// What a copying lane has out, and what it has seen.
package struct CopyState: BitwiseCopyable {
    /// What the source has said last, behind every byte that was received.
    package enum SourceEnd: UInt8, BitwiseCopyable {
        case none
        case fin
        case lost
    }

    /// The received bytes themselves, kept by the worker's pool.
    package var queue = BufferQueue()
    /// A receive is out; it may answer many times.
    package internal(set) var isReceiving = false
    /// The receive is being withdrawn.
    package internal(set) var isEnding = false
    /// The receive that is out may have missed the source's end (see `Lane.probeMillis`).
    package internal(set) var isUnsure = false
    package internal(set) var isSending = false
    /// The last send found too little room, so the next one waits for it.
    package internal(set) var isSinkFull = false
    /// Proved to be bulk: nothing more is received, and once the queue is empty the lane splices.
    package internal(set) var isLeaving = false
    /// Too many bytes wait for the sink; nothing is received before most of them are gone.
    package internal(set) var isPaused = false
    package internal(set) var sourceEnd = SourceEnd.none

    package init() {}
}

/// Copying: receive into buffers, send from them, in order, one send at a time.
extension Lane {
    /// A lane that has so many buffers full stops receiving …
    package static let buffersMax: UInt16 = 8
    /// … and goes on when no more than so many are left.
    package static let buffersToResume: UInt16 = 2

    /// A multishot receive that has emptied the source does not look again, even where a reset lies behind the bytes it
    /// took: both had woken it at once (kernel: io_recv_finish goes by the bytes that are left; tcp_inq_hint tells of FIN, and
    /// nobody of RST, or of the end of a UNIX stream). So when nothing has come for this long, somebody looks, once.
    package static let probeMillis: Int64 = 250

    /// Receives are wanted again; what is in flight or queued stays.
    package mutating func copy(_ reason: RelayReason) {
        if state == .moving { gauge.demoted(at: bytesMoved) }
        state = .copying
        mode = .copy
        self.reason = reason
        copying.isLeaving = false
    }

    /// Copying ends as soon as it can end exactly.
    package mutating func leaveCopying() { copying.isLeaving = true }

    /// The queue is empty and no receive is out.
    package mutating func splice(_ reason: RelayReason) {
        move()
        self.reason = reason
        copying.isLeaving = false
        copying.isSinkFull = false
        gauge.promoted(at: bytesMoved)
    }

    // MARK: What the worker tells

    package mutating func submittedReceive() {
        inFlight &+= 1
        copying.isReceiving = true
        copying.isEnding = false
    }

    package mutating func submittedEndOfReceive() { copying.isEnding = true }

    /// It was looked, and the source has not ended.
    package mutating func isSure() { copying.isUnsure = false }

    /// The receive was not found by its withdrawal, so it may live on.
    package mutating func missedEndOfReceive() {
        copying.isEnding = false
        copying.isUnsure = copying.isReceiving && state == .copying
    }

    /// - Parameter waits: the sink was full, and the engine waits for room first.
    package mutating func submittedSend(of length: UInt32, waits: Bool) {
        inFlight &+= 1
        copying.isSending = true
        asked = length
        isWaitingForSink = waits
        hasRoom = false
        waitsForRoom = false
    }

    // MARK: What the kernel answers

    /// The answer to a receive; received bytes are in the queue already.
    /// - Parameter goesOn: the receive will answer again.
    package mutating func hasReceived(_ result: Int32, goesOn: Bool, leavesMore: Bool) -> Outcome {
        guard copying.isReceiving, state == .copying || state == .over else { return .unexpected }
        copying.isUnsure = goesOn && !leavesMore && state == .copying
        if !goesOn {
            inFlight &-= 1
            copying.isReceiving = false
            copying.isEnding = false
        }
        guard state == .copying else { return .incomplete }
        if result == Errno.noBuffers { return .unbuffered }
        switch Verdict.ofFill(result) {
        case .moved(let bytes):
            held &+= bytes
            if copying.queue.count >= Self.buffersMax { copying.isPaused = true }
            return .copied
        case .ended:
            copying.sourceEnd = .fin
            return .copied
        case .connectionLost:
            copying.sourceEnd = .lost
            return .copied
        case .notNow, .interrupted, .withdrawn: return .copied
        case .starved: return .starved
        case .notSpliceable, .unexpected: return .unexpected
        }
    }

    /// The answer to a send; sent bytes have left the queue already.
    package mutating func hasSent(_ result: Int32) -> Outcome {
        guard copying.isSending, state == .copying || state == .over else { return .unexpected }
        inFlight &-= 1
        copying.isSending = false
        let hasWaited = isWaitingForSink
        isWaitingForSink = false
        if result > 0 {
            held &-= result
            bytesMoved &+= UInt64(UInt32(bitPattern: result))
            copying.isSinkFull = UInt32(bitPattern: result) < asked
        }
        guard state == .copying else { return .incomplete }
        if copying.queue.count <= Self.buffersToResume { copying.isPaused = false }
        switch Verdict.ofDrain(result) {
        case .moved, .interrupted, .withdrawn: return .copied
        case .notNow, .ended:
            copying.isSinkFull = true
            guard hasWaited else { return .copied }
            let outcome = outcomeWithoutRoom()
            return outcome == .blocked ? .copied : outcome
        case .starved: return .starved
        case .connectionLost: return .sinkLost
        case .notSpliceable, .unexpected: return .unexpected
        }
    }

    /// A send's wait for room has failed, and with it the send.
    mutating func failedToWaitForRoom(_ result: Int32) -> Outcome {
        guard copying.isSending else { return .unexpected }
        inFlight &-= 1
        copying.isSending = false
        isWaitingForSink = false
        let outcome = outcomeOfFailedAwait(result)
        return outcome == .withdrawn ? .copied : outcome
    }

    // MARK: What comes next

    var wantsReceive: Bool {
        state == .copying && !copying.isReceiving && !copying.isLeaving && !copying.isPaused
            && copying.sourceEnd == .none
    }

    var wantsEndOfReceive: Bool {
        copying.isReceiving && !copying.isEnding && (copying.isLeaving || copying.isPaused)
    }

    var wantsSend: Bool { state == .copying && !copying.isSending && !waitsForRoom && held > 0 }

    /// Everything that a copying lane wants and has not out yet.
    var wantedSteps: Step {
        var step: Step = []
        if wantsSend { step.insert(.send) }
        if wantsReceive { step.insert(.receive) }
        if wantsEndOfReceive { step.insert(.endReceive) }
        return step
    }

    /// What the lane can use of a step that was meant for it a while ago.
    var usableSteps: Step {
        var step: Step = []
        if inFlight == 0 {
            switch state {
            case .resting: step.insert(.rest)
            case .moving: step.insert(.move)
            case .draining: step.insert(.drainHeld)
            case .copying, .closed, .over: break
            }
        }
        if wantsReceive { step.insert(.receive) }
        if copying.isReceiving && !copying.isEnding { step.formUnion([.endReceive, .probe]) }
        if wantsSend { step.insert(.send) }
        return step
    }

    /// Every byte that was received has reached the sink's socket.
    var isFlushed: Bool { held == 0 && !copying.isSending }
}
