import ControlPlane
import Glibc

/// One line on standard error that tells what is going on: rewritten on a terminal, one line for each step elsewhere.
struct ProgressLine {
    private let isTerminal = isatty(STDERR_FILENO) == 1

    /// A new step.
    func begin(_ text: String) { isTerminal ? rewrite(text) : StandardError.shared.write(text) }

    /// News of the step.
    func update(_ text: String) { if isTerminal { rewrite(text) } }

    /// The line makes way for the result.
    func clear() { if isTerminal { rewrite("") } }

    private func rewrite(_ text: String) {
        let line = Array("\r\u{1b}[K\(text)".utf8)
        _ = Glibc.write(STDERR_FILENO, line, line.count)
    }
}
