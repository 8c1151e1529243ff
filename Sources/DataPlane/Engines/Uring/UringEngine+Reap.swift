import CLiburing
import LinuxCalls

extension UringEngine {
    package mutating func turn(waitingNanoseconds: Int64, _ counters: borrowing Counters) {
        if queueFullCount > 0 {
            counters.add(.submissionQueueFull, queueFullCount)
            queueFullCount = 0
        }
        let result = lsr_submit_and_wait(ring, waitingNanoseconds == 0 ? 0 : 1, waitingNanoseconds)
        if result < 0 { count(failedTurn: result, counters) }
    }

    /// Completions are there, or work that a turn would make into some (IORING_SQ_TASKRUN).
    package var isRipe: Bool { lsr_is_ripe(ring) != 0 }

    package mutating func reap(into batch: borrowing CompletionBatch, _ counters: borrowing Counters) -> Int {
        if lsr_completions_overflowed(ring) != 0 { counters.add(.completionQueueOverflows) }
        let dropped = lsr_completions_dropped(ring)
        if dropped != droppedSeen {
            counters.add(.completionsDropped, UInt64(dropped &- droppedSeen))
            droppedSeen = dropped
        }
        return Int(lsr_reap(ring, batch.base, UInt32(CompletionBatch.capacity)))
    }

    /// What was not submitted stays in the queue and goes with the next turn, so none of these loses anything.
    private func count(failedTurn result: Int32, _ counters: borrowing Counters) {
        switch result {
        case Errno.timerExpired: break  // the wait's time ran out
        case Errno.interrupted: counters.add(.submitInterrupted)
        case Errno.busy: counters.add(.submitBusy)  // completions have to be reaped first
        case Errno.again, Errno.noMemory: counters.add(.submitShortOfMemory)
        default: counters.add(.submitFailedOtherwise)
        }
    }
}
