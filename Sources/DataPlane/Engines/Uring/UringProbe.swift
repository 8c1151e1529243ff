import CLiburing
import LinuxCalls

/// What this kernel's io_uring offers, asked of the kernel itself: feature bits, IORING_REGISTER_PROBE and a trial. Never
/// the kernel's version, which vendors and seccomp filters make worthless.
package struct UringProbe: Sendable {
    /// Something the engine needs, and whether it is there.
    package struct Need: Sendable, Equatable {
        package let name: String
        package let isThere: Bool
    }

    /// Why no ring could be made at all.
    package let setupFailure: SystemError?
    package let features: [Need]
    package let opcodes: [Need]
    /// What went wrong when a ring was used in earnest, nil where nothing did or where it did not come to that.
    package let trialFailure: String?
    /// The kernel's word where that was one of its calls.
    package let trialError: SystemError?

    package var missing: [String] { (features + opcodes).filter { !$0.isThere }.map(\.name) }
    package var isUsable: Bool { setupFailure == nil && missing.isEmpty && trialFailure == nil }

    /// Makes a ring with `settings`, looks at it, tries it, and takes it down again. Opens no port.
    package init(_ settings: UringSettings) {
        var ring = io_uring()
        var bits: UInt32 = 0
        let made = lsr_init(&ring, settings.ringDepth, settings.completionDepth, settings.setupFlags, &bits)
        guard made == 0 else {
            setupFailure = SystemError(made, in: "io_uring_setup")
            features = []
            opcodes = []
            trialFailure = nil
            trialError = nil
            return
        }
        setupFailure = nil
        features = [
            ("NODROP", lsr_feature_nodrop), ("SUBMIT_STABLE", lsr_feature_submit_stable),
            ("FAST_POLL", lsr_feature_fast_poll), ("EXT_ARG", lsr_feature_ext_arg),
            ("CQE_SKIP", lsr_feature_cqe_skip),
        ].map { Need(name: "IORING_FEAT_\($0.0)", isThere: bits & $0.1 != 0) }
        let answer = io_uring_get_probe_ring(&ring)
        opcodes = [
            ("POLL_ADD", lsr_op_poll_add), ("SPLICE", lsr_op_splice), ("ACCEPT", lsr_op_accept),
            ("CONNECT", lsr_op_connect), ("ASYNC_CANCEL", lsr_op_async_cancel),
            ("RECV", lsr_op_recv), ("SEND", lsr_op_send),
        ].map { name, code in
            Need(name: "IORING_OP_\(name)", isThere: answer.map { lsr_supports($0, code) != 0 } ?? false)
        }
        io_uring_free_probe(answer)
        io_uring_queue_exit(&ring)
        let isComplete = (features + opcodes).allSatisfy(\.isThere)
        do throws(SystemError) {
            trialFailure = isComplete ? try UringTrial.failure(settings) : nil
            trialError = nil
        } catch {
            trialFailure = error.description
            trialError = error
        }
    }
}
