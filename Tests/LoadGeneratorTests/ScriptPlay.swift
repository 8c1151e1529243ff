@testable import LoadGenerator

/// Both sides of a plan without sockets: bytes and ends travel between two scripts in random steps.
final class ScriptPlay {
    let plan: Plan
    private(set) var progress = [Progress(), Progress()]
    private var ends: [Outcome.End] = [.open, .open]
    private var owns: [Outcome.Own?] = [nil, nil]
    private var draw: Draw

    init(_ plan: Plan, seed: UInt64) {
        self.plan = plan
        draw = Draw(seed: seed)
    }

    var hasEnded: Bool { owns.allSatisfy { $0 != nil } }

    func stop() { progress[0].isStopping = true }

    func run(steps: Int = 100_000) {
        for _ in 0..<steps {
            if hasEnded { return }
            let side = Int(draw.below(2))
            guard owns[side] == nil else { continue }
            draw.oneIn(2) ? send(side) : receive(side)
            act(side)
        }
    }

    func outcome(_ side: Side) -> Outcome {
        let index = Int(side.rawValue)
        var outcome = Outcome()
        (outcome.sent, outcome.received) = (progress[index].sent, progress[index].received)
        (outcome.end, outcome.own) = (ends[index], owns[index] ?? .open)
        return outcome
    }

    private func send(_ side: Int) {
        let allowance = script(side).allowance(progress[side])
        guard !progress[side].finSent, allowance > progress[side].sent else { return }
        progress[side].sent += 1 + draw.below(min(allowance - progress[side].sent, 50))
    }

    private func receive(_ side: Int) {
        let other = 1 - side
        let waiting = progress[other].sent - progress[side].received
        if waiting > 0 {
            progress[side].received += 1 + draw.below(waiting)
        } else if progress[other].finSent || owns[other] == .close || owns[other] == .fin {
            progress[side].finReceived = true
            ends[side] = .fin
        } else if owns[other] == .reset {
            ends[side] = .reset
            owns[side] = .open
        }
    }

    private func act(_ side: Int) {
        guard owns[side] == nil else { return }
        switch script(side).act(progress[side]) {
        case .wait: break
        case .fin: progress[side].finSent = true
        case .done: owns[side] = .fin
        case .reset: owns[side] = .reset
        case .close: owns[side] = .close
        // The time is up at once here.
        case .hold: owns[side] = .reset
        }
    }

    private func script(_ side: Int) -> Script { Script(plan, side == 0 ? .client : .peer) }
}
