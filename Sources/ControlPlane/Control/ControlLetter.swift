import ControlMessages
import LinuxCalls

/// An order on its way to the main thread, which is answered once: by that thread, or when it has waited too long.
package final class ControlLetter: Sendable {
    package let order: ControlOrder
    private let state: Locked<State>
    /// Ends the wait; taken back with the answer, so that no task outlives its order.
    private let alarm = Locked<Task<Void, Never>?>(nil)

    private enum State {
        case waiting(CheckedContinuation<ControlAnswer, Never>)
        case begun(CheckedContinuation<ControlAnswer, Never>)
        case answered

        var isAnswered: Bool { if case .answered = self { true } else { false } }
    }

    init(_ order: ControlOrder, _ sender: CheckedContinuation<ControlAnswer, Never>) {
        self.order = order
        state = Locked(.waiting(sender))
    }

    /// False where it has been answered meanwhile, and is not to be carried out any more.
    package func begin() -> Bool {
        state.withLock { state in
            guard case .waiting(let sender) = state else { return false }
            state = .begun(sender)
            return true
        }
    }

    package func answer(_ answer: ControlAnswer) { end { _ in answer } }

    func expires(after patience: Duration) {
        let task = Task {
            do { try await Task.sleep(for: patience) } catch { return }
            expire()
        }
        alarm.withLock { $0 = task }
        if state.withLock(\.isAnswered) { task.cancel() }
    }

    private func expire() {
        end { hasBegun in
            .failure(
                ControlFailure(
                    .unavailable,
                    hasBegun
                        ? "it is still being done; ask for /status in a while"
                        : "the main thread did not come to it in time, so it is not done; try again"))
        }
    }

    /// - Parameter answer: whether the main thread has begun with it.
    private func end(_ answer: (Bool) -> ControlAnswer) {
        let (sender, hasBegun): (CheckedContinuation<ControlAnswer, Never>?, Bool) = state.withLock { state in
            defer { state = .answered }
            switch state {
            case .waiting(let sender): return (sender, false)
            case .begun(let sender): return (sender, true)
            case .answered: return (nil, true)
            }
        }
        alarm.withLock { $0 }?.cancel()
        sender?.resume(returning: answer(hasBegun))
    }
}
