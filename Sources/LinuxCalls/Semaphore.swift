import CLinux

/// A counting semaphore that starts at zero (sem_overview(7)).
package final class Semaphore: @unchecked Sendable {
    private let memory: UnsafeMutableRawPointer

    package init() {
        guard let made = clinux_semaphore() else { preconditionFailure("Semaphore: out of memory") }
        memory = made
    }

    deinit { clinux_semaphore_free(memory) }

    package func post() { clinux_semaphore_post(memory) }
    package func wait() { clinux_semaphore_wait(memory) }

    /// - Parameter milliseconds: as long as this, at most.
    /// - Returns: false when the time ran out.
    @discardableResult
    package func wait(milliseconds: Int64) -> Bool {
        clinux_semaphore_wait_for(memory, min(max(0, milliseconds), 1 << 40) * 1_000_000) == 1
    }
}
