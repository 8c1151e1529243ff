import CLinux

/// What one loop shows to other threads while it runs: one writer, relaxed words.
package final class LoopBoard: @unchecked Sendable {
    package enum Word: Int, CaseIterable, Sendable {
        case opened
        case finished
        case bytesSent
        case bytesReceived
        /// Requests that were answered.
        case turns
        case processorNanoseconds
        case wallNanoseconds
        /// Peer only: connections that brought no sound header.
        case strangers
        /// Runner only: opens that had to wait for a free port or for room in the accept queue.
        case opensPostponed
        /// Runner only: answers and ends between the warm-up and the stop.
        case turnsMeasured
        case finishedMeasured
        /// Runner only: 1 once the loop has come to its end.
        case hasLeft
    }

    private let words: UnsafeMutablePointer<UInt64>

    package init() {
        words = .allocate(capacity: Word.allCases.count)
        words.initialize(repeating: 0, count: Word.allCases.count)
    }

    deinit { words.deallocate() }

    package subscript(word: Word) -> UInt64 { clinux_look(words + word.rawValue) }

    /// By the loop's thread only.
    func add(_ word: Word, _ amount: UInt64 = 1) { set(word, words[word.rawValue] &+ amount) }
    func set(_ word: Word, _ value: UInt64) { clinux_publish(words + word.rawValue, value) }

    /// Since the loop began, as it was shown last.
    package var use: LoopUse {
        LoopUse(processorNanoseconds: self[.processorNanoseconds], wallNanoseconds: self[.wallNanoseconds])
    }
}
