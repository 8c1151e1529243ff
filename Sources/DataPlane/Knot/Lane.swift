import LinuxCalls

/// One direction of a knot: where it stands, and what its pipe holds. A pure state machine without system calls.
///
/// ```
///   closed ──tie──▶ resting ──await──▶ moving ──short drain──▶ draining
///                      ▲                 │  ▲                      │
///                      └── withdrawn ────┘  └───── pipe empty ─────┘
///   closed ──tie──▶ copying ──bulk, and the queue is empty──▶ moving ──small or quiet──▶ copying
///   any ── EOF, a lost side ──▶ over
/// ```
/// Invariant: no fill is armed while the pipe holds bytes, so an `-EAGAIN` from a fill always means «the source is dry».
/// What a copying lane does is in `Lane+Copy.swift`.
package struct Lane: BitwiseCopyable {
    package enum State: UInt8, BitwiseCopyable {
        /// Before the knot is tied.
        case closed
        /// Waits for the source and has no pipe.
        case resting
        /// await → fill → drain is out, or about to be.
        case moving
        /// await → drain is out, or about to be: the pipe holds `held` bytes and the sink is full.
        case draining
        /// Receives into buffers and sends from them; both may be out at once.
        case copying
        /// Nothing more will be read from the source.
        case over
    }

    /// What a whole chain has come to.
    package enum Outcome: BitwiseCopyable, Equatable {
        /// Answers are still to come.
        case incomplete
        /// Something was received or sent, or could not be just now: look what comes next.
        case copied
        /// There was no buffer to receive into.
        case unbuffered
        /// A carry has used up its turn, and there may be more.
        case carried
        /// A carry has found the source dry: wait for it without a pipe.
        case empty
        case ready
        case moved
        case blocked
        /// The sink was announced to have room and had none.
        case stuck
        case dry
        case withdrawn
        case starved
        case notSpliceable
        /// splice said 0, which a plain read has to confirm (see `PlainRead`).
        case seemsEnded
        case ended
        case sourceLost
        case sinkLost
        case unexpected
    }

    // The large ones first, so that a knot stays within four cache lines.
    /// Bytes that have reached the sink's socket.
    package internal(set) var bytesMoved: UInt64 = 0
    /// When something last happened here, in milliseconds of the monotonic clock.
    package var activeAtMillis: Int64 = 0
    /// The pool's slot, -1 for no pipe.
    package var pipe: Int32 = -1
    /// Bytes in the pipe, known when no chain is out; or in the buffers of a copying lane.
    package internal(set) var held: Int32 = 0
    private var filled: Int32 = 0
    private var drained: Int32 = 0
    /// Of the last chain or send; while a knot greets, how many bytes its client is waited for with; while it is queued, who stands
    /// before it and behind it.
    var asked: UInt32 = 0
    package var gauge = TrafficGauge()
    /// What a copying lane has out and has seen.
    package var copying = CopyState()

    /// Its entry in the worker's `LowWaterTable`, kept by the worker.
    var lowWater = LowWaterTable.none
    package internal(set) var state = State.closed
    package internal(set) var mode = RelayMode.splice
    /// Why it is in its mode.
    package internal(set) var reason = RelayReason.new
    /// A chain has been out at some time.
    package private(set) var hasSpliced = false
    /// Completions of this lane's present operation that are still to come.
    package internal(set) var inFlight: UInt8 = 0
    /// Chains in a row that found the source dry although it had been announced.
    package private(set) var dryInARow: UInt8 = 0
    /// The last chain asked for more than it got, so its drain was too long (see `Step.push`).
    package private(set) var askedTooMuch = false
    /// Nothing is out; the watch of the sink will tell when there is room.
    package internal(set) var waitsForRoom = false
    /// The watch has told of room since the present drain went out, so an `-EAGAIN` of it is old news.
    var hasRoom = false
    private var hasFilled = false
    private var hasDrained = false
    /// The present wait is for the sink, not for the source.
    package internal(set) var isWaitingForSink = false

    /// After this many dry chains the lane reads plainly: splice stops for good at an urgent byte (`MSG_OOB`) that lies
    /// next in the queue, while poll goes on announcing it (kernel: tcp_read_sock).
    package static let dryInARowMax: UInt8 = 4

    package init() {}

    package var hasPipe: Bool { pipe >= 0 }
    /// Something is armed that a withdrawal can end.
    package var isWaiting: Bool { inFlight > 0 }
    // MARK: What the worker tells

    package mutating func submittedRest() {
        inFlight = 1
        isWaitingForSink = false
    }

    package mutating func submittedMove(asking length: UInt32) {
        inFlight = 2
        asked = length
        isWaitingForSink = false
        hasFilled = false
        hasDrained = false
    }

    package mutating func submittedDrain() {
        inFlight = 1
        hasRoom = false
        isWaitingForSink = true
    }

    // MARK: What the kernel answers

    /// - Returns: what the chain has come to, `incomplete` while a part of its answer is missing.
    package mutating func resumed(_ operation: Operation, _ result: Int32) -> Outcome {
        switch (state, operation) {
        case (.resting, .await):
            inFlight = 0
            return result >= 0 ? .ready : outcomeOfFailedAwait(result)
        case (.copying, .await):
            return failedToWaitForRoom(result)
        case (.moving, .await), (.draining, .await):
            // Only a failed await is answered, and then the links behind it are not (IOSQE_CQE_SKIP_SUCCESS).
            inFlight = 0
            return outcomeOfFailedAwait(result)
        case (.moving, .fill):
            inFlight &-= 1
            filled = result
            hasFilled = true
            return hasDrained ? outcomeOfChain() : .incomplete
        case (.moving, .drain):
            inFlight &-= 1
            drained = result
            hasDrained = true
            return hasFilled ? outcomeOfChain() : .incomplete
        case (.draining, .drain):
            inFlight = 0
            let outcome = outcomeOfDrain(result)
            return outcome == .blocked && result == Errno.again ? outcomeWithoutRoom() : outcome
        case (.over, .await):
            // Of a chain, or of a send beside which a receive may be out.
            inFlight = copying.isSending ? inFlight &- 1 : 0
            copying.isSending = false
            return .incomplete
        case (.over, .fill), (.over, .drain):
            inFlight = inFlight == 0 ? 0 : inFlight &- 1
            account(operation, result)
            return .incomplete
        default:
            return .unexpected
        }
    }

    /// The watch of the sink tells of room. True where a drain waits for just that.
    package mutating func sinkHasRoom() -> Bool {
        guard waitsForRoom else {
            hasRoom = true
            return false
        }
        waitsForRoom = false
        return true
    }

    /// The result of a plain read into the pipe, as a fill's.
    package mutating func hasReadPlainly(_ result: Int32) -> Outcome {
        dryInARow = 0
        switch Verdict.ofFill(result) {
        case .moved(let bytes):
            held = bytes
            return .blocked
        case .ended: return .ended
        case .notNow, .interrupted, .withdrawn, .starved: return .starved
        case .notSpliceable, .unexpected: return .unexpected
        case .connectionLost: return .sourceLost
        }
    }

    /// Bytes were moved without a pipe.
    /// - Parameter awaitsRoom: an event will tell when a full sink has room again.
    package mutating func hasCarried(_ carried: Carried, awaitsRoom: Bool = false) -> Outcome {
        bytesMoved &+= UInt64(UInt32(bitPattern: carried.moved))
        dryInARow = 0
        if carried.sink < 0 {
            switch Verdict.ofDrain(carried.sink) {
            case .notNow where awaitsRoom:
                waitsForRoom = true
                return .stuck
            // There is no event for room without a pipe: it is looked for again a tick later, like memory.
            case .notNow, .interrupted, .withdrawn, .starved, .moved, .ended: return .starved
            case .connectionLost: return .sinkLost
            case .notSpliceable, .unexpected: return .unexpected
            }
        }
        switch Verdict.ofFill(carried.source) {
        case .moved: return .carried
        case .ended: return .ended
        case .notNow: return .empty
        case .interrupted, .withdrawn, .starved: return .starved
        case .connectionLost: return .sourceLost
        case .notSpliceable, .unexpected: return .unexpected
        }
    }

    // MARK: Changes of state, made by the knot

    package mutating func rest() { state = .resting }
    /// The client was heard; the lane is as it was before.
    mutating func hasGreeted() {
        state = .closed
        asked = 0
    }
    package mutating func move() {
        state = .moving
        mode = .splice
        hasSpliced = true
    }
    package mutating func drain() { state = .draining }
    package mutating func end() {
        // Half of a chain's answer may be in; the other half is accounted when it comes.
        if state == .moving && inFlight > 0 {
            if hasFilled { account(.fill, filled) }
            if hasDrained { account(.drain, drained) }
        }
        state = .over
        waitsForRoom = false
    }

    /// Bytes that were received after the lane was over.
    mutating func kept(_ bytes: Int32) { held &+= bytes }

    /// What the lane held was taken out, and so many bytes of it have reached the sink after all.
    mutating func tookOut(delivering bytes: Int) {
        held = 0
        bytesMoved &+= UInt64(bytes)
    }

    /// What a chain still moves after its lane is over decides whether the pipe is clean.
    private mutating func account(_ operation: Operation, _ result: Int32) {
        guard result > 0 else { return }
        if operation == .fill {
            held &+= result
        } else {
            held &-= result
            bytesMoved &+= UInt64(UInt32(bitPattern: result))
        }
    }

    // MARK: Reading a chain's answers

    func outcomeOfFailedAwait(_ result: Int32) -> Outcome {
        switch Verdict.ofDrain(result) {
        case .withdrawn, .notNow, .interrupted, .moved, .ended: .withdrawn
        case .starved: .starved
        case .notSpliceable, .connectionLost, .unexpected: .unexpected
        }
    }

    private mutating func outcomeOfChain() -> Outcome {
        switch Verdict.ofFill(filled) {
        case .moved(let bytes):
            dryInARow = 0
            held = bytes
            askedTooMuch = UInt32(truncatingIfNeeded: bytes) < asked
            return outcomeOfDrain(drained)
        // The pipe was empty before the fill and is empty after it, so the drain had nothing to do but say -EAGAIN.
        case .ended: return .seemsEnded
        case .notNow:
            dryInARow = min(dryInARow &+ 1, Self.dryInARowMax)
            return dryInARow < Self.dryInARowMax ? .dry : .notSpliceable
        case .interrupted: return .dry
        case .withdrawn: return .withdrawn
        case .starved: return .starved
        case .notSpliceable: return .notSpliceable
        case .connectionLost: return .sourceLost
        case .unexpected: return .unexpected
        }
    }

    mutating func outcomeWithoutRoom() -> Outcome {
        waitsForRoom = !hasRoom
        return waitsForRoom ? .stuck : .blocked
    }

    private mutating func outcomeOfDrain(_ result: Int32) -> Outcome {
        switch Verdict.ofDrain(result) {
        case .moved(let bytes):
            bytesMoved &+= UInt64(UInt32(bitPattern: bytes))
            held = max(0, held &- bytes)
            return held == 0 ? .moved : .blocked
        case .notNow, .interrupted, .ended: return .blocked
        case .withdrawn: return .withdrawn
        case .starved: return .starved
        case .notSpliceable, .unexpected: return .unexpected
        case .connectionLost: return .sinkLost
        }
    }
}
