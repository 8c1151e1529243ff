import ControlMessages
import LinuxCalls

/// Answers what it was told to, and keeps what it was asked.
final class ScriptedHost: ControlHost {
    private let answers: Locked<[ControlAnswer]>
    private let asked = Locked<[ControlOrder]>([])

    init(_ answers: ControlAnswer...) { self.answers = Locked(answers) }

    var orders: [ControlOrder] { asked.withLock { $0 } }

    func answer(_ order: ControlOrder) async -> ControlAnswer {
        asked.withLock { $0.append(order) }
        return answers.withLock { answers in
            answers.isEmpty ? .changes(ControlChanges(["done"])) : answers.removeFirst()
        }
    }
}
