/// What a thread has used of a processor, over a time.
package struct LoopUse: BitwiseCopyable, Sendable {
    var processorNanoseconds: UInt64 = 0
    var wallNanoseconds: UInt64 = 0

    /// 0 to 1.
    package var busy: Double {
        wallNanoseconds == 0 ? 0 : min(1, Double(processorNanoseconds) / Double(wallNanoseconds))
    }

    func since(_ start: LoopUse) -> LoopUse {
        LoopUse(
            processorNanoseconds: processorNanoseconds &- min(processorNanoseconds, start.processorNanoseconds),
            wallNanoseconds: wallNanoseconds &- min(wallNanoseconds, start.wallNanoseconds))
    }
}
