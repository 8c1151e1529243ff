import ControlMessages
import LinuxCalls

/// Orders for the main thread, which does everything that reads or changes the server, one after the other and between signals.
package final class ControlMailbox: ControlHost {
    private let patience: Duration
    private let ring: @Sendable () -> Void
    private let box = Locked(Box())

    private struct Box {
        var letters: [ControlLetter] = []
        var isClosed = false
    }

    /// More would be more than the control socket has connections.
    static let lettersMax = 256

    /// - Parameters:
    ///   - patience: how long an order waits for its answer.
    ///   - ring: wakes the main thread.
    package init(patience: Duration = .seconds(10), ring: @escaping @Sendable () -> Void) {
        self.patience = patience
        self.ring = ring
    }

    // MARK: Any thread

    package func answer(_ order: ControlOrder) async -> ControlAnswer {
        let patience = patience
        return await withCheckedContinuation { sender in
            let letter = ControlLetter(order, sender)
            if let refusal = post(letter) { return letter.answer(.failure(refusal)) }
            letter.expires(after: patience)
            ring()
        }
    }

    private func post(_ letter: ControlLetter) -> ControlFailure? {
        box.withLock { box in
            if box.isClosed { return ControlFailure(.unavailable, "the process is about to end; ask its successor") }
            guard box.letters.count < Self.lettersMax else {
                return ControlFailure(.unavailable, "\(Self.lettersMax) orders wait already; try again in a while")
            }
            box.letters.append(letter)
            return nil
        }
    }

    // MARK: The main thread

    /// Those that have come since the last look, in their order.
    package func take() -> [ControlLetter] {
        box.withLock { box in
            guard !box.letters.isEmpty else { return [] }
            defer { box.letters = [] }
            return box.letters
        }
    }

    /// Nobody will look any more: what waits and what comes is told so.
    package func close() {
        box.withLock { $0.isClosed = true }
        for letter in take() {
            letter.answer(.failure(ControlFailure(.unavailable, "the process is about to end; ask its successor")))
        }
    }
}
