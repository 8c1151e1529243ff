/// SplitMix64: the same seed gives the same run on every machine.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// True in `perMille` of a thousand draws.
    mutating func draws(_ perMille: Int) -> Bool { perMille > 0 && Int(next() % 1_000) < perMille }

    /// From 0 to `bound - 1`.
    mutating func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(next() % UInt64(bound)) }
}

/// What goes wrong, and how often: each number is so many in a thousand of the operations it speaks of.
struct FaultPlan {
    // Bytes that move
    var shortFill = 0
    var shortDrain = 0
    var fillAgain = 0
    var drainAgain = 0
    /// -EAGAIN although the engine has waited for room: the ring can say so, epoll tries until it has.
    var drainHeldAgain = 0
    var interrupted = 0
    var canceled = 0
    var notSpliceable = 0
    var noMemory = 0
    var noBuffers = 0
    /// The connection dies under a fill (-ECONNRESET) or a drain (-EPIPE): RST on both sides, an exact prefix delivered.
    var connectionDies = 0
    // Completions
    var delayed = 0
    var reordered = 0
    var multishotEnds = 0
    /// Only some of the completions fit, the others come with a later turn.
    var completionQueueFull = 0
    var submissionQueueFull = 0
    /// A withdrawal that comes too late.
    var cancelTooLate = 0
    // Plain calls
    var socketFails = 0
    var pipeFails = 0
    var pipeSmall = 0
    var acceptFails = 0
    var connectFails = 0
    var connectNeverAnswers = 0

    /// Everything that must not end a healthy connection.
    static let benign = FaultPlan(
        shortFill: 50, shortDrain: 50, fillAgain: 50, drainAgain: 50, drainHeldAgain: 50, interrupted: 50, canceled: 50,
        notSpliceable: 50,
        noMemory: 50, noBuffers: 50, delayed: 50, reordered: 50, multishotEnds: 50, completionQueueFull: 50,
        submissionQueueFull: 50, cancelTooLate: 200, pipeFails: 50, pipeSmall: 50, acceptFails: 50)

    /// As `benign`, and what ends connections as well.
    static var severe: FaultPlan {
        var plan = benign
        plan.connectionDies = 5
        plan.socketFails = 50
        plan.connectFails = 50
        plan.connectNeverAnswers = 10
        return plan
    }
}
