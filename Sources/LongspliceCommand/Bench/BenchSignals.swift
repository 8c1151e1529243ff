import ControlPlane
import LinuxCalls

/// SIGINT and SIGTERM, taken one at a time.
struct BenchSignals {
    private let signals: Signals

    /// To be made before any thread.
    init() throws(Refusal) {
        do throws(SystemError) {
            try Signals.ignoreBrokenPipe()
            signals = try Signals(blocking: [2, 15])
            _ = try ResourceLimit.raiseDescriptors()
        } catch {
            throw Refusal(
                .failure, "signals and limits cannot be set up: \(error); this should not happen, please report it")
        }
    }

    /// Nil when `milliseconds` have passed without one.
    func next(milliseconds: Int64) -> Int32? { signals.next(milliseconds: milliseconds) }
}
