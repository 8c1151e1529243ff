import ArgumentParser
import CLinux
import ControlPlane
import LinuxCalls
import Longsplice

/// What the commands that make one call of the library have in common.
struct SplicerFlags: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "auto, uring or epoll; auto is io_uring where it works. (default: auto)", valueName: "engine"),
        completion: .list(Splicer.Engine.allCases.map(\.rawValue)))
    var engine: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "For a client or a connection to come, for a peer to take more of a file, and for what was sent to arrive. (default: 60s)",
            valueName: "TIME"))
    var timeout: String?

    func choice() throws(Refusal) -> Splicer.Engine { try FlagReading.choice(engine, "--engine") ?? .auto }

    func patience() throws(Refusal) -> Patience {
        let milliseconds = try FlagReading.time(timeout, "--timeout")
        return Patience(TimeSpan(milliseconds: milliseconds ?? 60_000))
    }

    /// To be called before any socket is opened: the soft bound of descriptors becomes the hard one, and a peer that has gone is
    /// an error instead of SIGPIPE.
    static func prepareProcess() throws(Refusal) {
        do throws(SystemError) {
            try Signals.ignoreBrokenPipe()
            _ = try ResourceLimit.raiseDescriptors()
        } catch {
            throw Refusal(
                .failure, "signals and limits cannot be set up: \(error); this should not happen, please report it")
        }
    }

    /// One splicer for one call.
    static func splicer(_ engine: Splicer.Engine) throws(Refusal) -> Splicer {
        try checkDescriptors()
        do throws(SpliceError) {
            return try Splicer(engine: engine, capacity: 1)
        } catch {
            throw refusal(error)
        }
    }

    static func refusal(_ error: SpliceError) -> Refusal {
        switch error.reason {
        case .noEngine: Refusal(.failure, "\(error); see longsplice doctor, or choose --engine auto")
        default: Refusal(.failure, error.description)
        }
    }

    /// More than a splicer, its trial of io_uring and one call ever have open at once.
    private static let descriptorsNeeded = 16

    /// Says at once what would otherwise look like a lack of io_uring.
    private static func checkDescriptors() throws(Refusal) {
        var spare: [Int32] = []
        defer { for descriptor in spare { _ = clinux_close(descriptor) } }
        while spare.count < descriptorsNeeded {
            let descriptor = clinux_event()
            guard descriptor >= 0 else {
                throw Refusal(
                    .failure,
                    "only \(spare.count) of \(descriptorsNeeded) descriptors can be had "
                        + "(\(SystemError(descriptor, in: "eventfd").name)); raise RLIMIT_NOFILE with ulimit -n")
            }
            spare.append(descriptor)
        }
    }
}
