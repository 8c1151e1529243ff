/// One side of one connection, in a slot whose number is its socket's.
struct Connection: BitwiseCopyable {
    enum Phase: UInt8, BitwiseCopyable {
        case free = 0
        case connecting
        /// The peer reads the header.
        case greeting
        case streaming
        /// The peer sends a report.
        case replying
    }

    var phase: Phase = .free
    var script: Script
    var at = Progress()
    var id: UInt64 = 0
    /// Which of the loop's records it belongs to.
    var record = 0
    var inbound: StreamKey
    var outbound: StreamKey

    // The header: its bytes at the peer, and how many have been received or sent.
    var header = InlineArray<12, UInt64>(repeating: 0)
    var headerCount = 0

    // What the socket is known to allow.
    var isReadable = true
    var isWritable = true
    /// Hang-up or error was told, so that a short read is not the last one.
    var hasHungUp = false
    /// A write found RST; what has been received before it can still be read.
    var isReset = false
    var isLocal = false

    // Drawn details, and the times they lead to. Nanoseconds of the monotonic clock, 0 for never.
    var draw: Draw
    var chunkLeft: UInt64 = 0
    var slowReads: UInt8 = 0
    var writeAfter: Int64 = 0
    var readAfter: Int64 = 0
    var holdUntil: Int64 = 0
    var progressAt: Int64
    var patience: Int64
    /// When the open or the request was due whose answer is awaited.
    var dueAt: Int64 = 0

    // The loop's own.
    /// Tells a slot's connections apart.
    var serial: UInt32
    var isQueued = false
    var wakeAt: Int64 = 0

    init(_ phase: Phase, side: Side, serial: UInt32, now: Int64, patience: Int64) {
        self.phase = phase
        self.serial = serial
        self.patience = patience
        script = Script(Plan(), side)
        inbound = StreamKey(seed: 0, id: 0, direction: side.receives)
        outbound = StreamKey(seed: 0, id: 0, direction: side.sends)
        draw = Draw(seed: 0)
        progressAt = now
    }

    var side: Side { script.side }
    var plan: Plan { script.plan }

    /// Takes up its part of the run.
    mutating func join(_ header: Header, record: Int) {
        id = header.id
        self.record = record
        script = Script(Plan(header.recipe, seed: header.seed, id: id), side)
        inbound = StreamKey(seed: header.seed, id: id, direction: side.receives)
        outbound = StreamKey(seed: header.seed, id: id, direction: side.sends)
        draw = Draw(seed: header.seed, id: id, purpose: 2 + UInt64(side.rawValue))
        patience = Int64(header.recipe.patienceMillis) * 1_000_000
    }

    /// The sizes of writes are spread evenly over the powers of two between the plan's bounds.
    mutating func drawChunk() {
        let plan = script.plan
        if plan.strewsTinyWrites && draw.oneIn(8) {
            chunkLeft = draw.within(1...16)
        } else if plan.writeMin >= plan.writeMax {
            chunkLeft = plan.writeMax
        } else {
            let low = UInt64(plan.writeMin.bitWidth - plan.writeMin.leadingZeroBitCount)
            let high = UInt64(plan.writeMax.bitWidth - plan.writeMax.leadingZeroBitCount)
            let ceiling = UInt64(1) &<< draw.within(low...high)
            chunkLeft = min(plan.writeMax, max(plan.writeMin, draw.within(ceiling / 2...ceiling)))
        }
    }

    /// How long it may stand still. A silent connection is held that long on purpose.
    var stuckAfter: Int64 {
        let margin: Int64 = side == .peer ? 2_000_000_000 : 0
        return (plan.ending == .silence ? 2 * patience + 1_000_000_000 : patience) + margin
    }

    /// What its side has seen, when it ends in one way or another.
    func outcome(_ own: Outcome.Own) -> Outcome {
        var outcome = Outcome()
        outcome.received = at.received
        outcome.sent = at.sent
        outcome.own = own == .open && at.finSent ? .fin : own
        outcome.isLocal = isLocal
        switch (at.finReceived, isReset) {
        case (false, false): outcome.end = .open
        case (true, false): outcome.end = .fin
        case (false, true): outcome.end = .reset
        case (true, true): outcome.end = .finThenReset
        }
        return outcome
    }
}
