import DataPlane
import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("Choosing an engine")
struct EngineDecisionTests {
    private static func findings(_ code: Int32) -> UringFindings {
        var findings = UringFindings()
        findings.setupFailure = SystemError(code, in: "io_uring_setup")
        return findings
    }

    private static let usable: UringFindings = {
        var findings = UringFindings()
        findings.needs = [.init("IORING_OP_SPLICE", isThere: true)]
        return findings
    }()

    private static func decide(
        _ wish: EngineWish, _ findings: UringFindings, disabled: Int? = 0
    ) throws(Refusal) -> EngineDecision {
        try EngineDecision(wish, UringSettings(), descriptors: 1024, disabled: disabled) { _ in findings }
    }

    @Test("auto and uring run on io_uring where it works", arguments: [EngineWish.auto, .uring])
    func usable(wish: EngineWish) throws {
        let decision = try Self.decide(wish, Self.usable)
        #expect(decision.choice.name == "uring" && decision.fallback == nil)
    }

    @Test("epoll is taken without a look at io_uring")
    func epoll() throws {
        let decision = try EngineDecision(.epoll, UringSettings(), descriptors: 1024, disabled: nil) { _ in
            Issue.record("probed")
            return Self.usable
        }
        #expect(decision.choice.name == "epoll" && decision.fallback == nil)
    }

    @Test(
        "auto goes on with epoll and says in one sentence why, and what would change it",
        arguments: [
            (Errno.notPermitted, 0, "seccomp", "allow io_uring_setup"),
            (Errno.notPermitted, 1, "kernel.io_uring_group", "join that group"),
            (Errno.notPermitted, 2, "kernel.io_uring_disabled is 2", "sysctl kernel.io_uring_disabled=0"),
            (Errno.noSystemCall, 0, "has no io_uring", "CONFIG_IO_URING"),
            (Errno.noMemory, 0, "RLIMIT_MEMLOCK", "raise memory.max"),
            (Errno.invalid, 0, "IORING_SETUP_DEFER_TASKRUN", "--ring-taskrun coop"),
            (Errno.tooManyInProcess, 0, "no descriptor", "ulimit -n"),
            (Errno.busy, 0, "EBUSY", "longsplice doctor"),
        ] as [(Int32, Int, String, String)])
    func fallback(code: Int32, disabled: Int, reason: String, cure: String) throws {
        let decision = try Self.decide(.auto, Self.findings(code), disabled: disabled)
        let sentence = try #require(decision.fallback)
        #expect(decision.choice.name == "epoll")
        #expect(sentence.hasPrefix("running on epoll: "))
        #expect(sentence.contains("io_uring") && sentence.contains(reason) && sentence.contains(cure))
        #expect(!sentence.contains("\n"))
    }

    @Test("uring refuses with the same reason and status 1")
    func refused() {
        let refusal = refusal { () throws(Refusal) in _ = try Self.decide(.uring, Self.findings(Errno.noSystemCall)) }
        #expect(refusal?.kind.exitStatus == 1)
        #expect(refusal?.sentence.hasPrefix("--engine uring: this kernel has no io_uring") == true)
        #expect(refusal?.sentence.hasSuffix("or use --engine auto") == true)
    }

    @Test("where a file asks for uring, the refusal has its place, and the cure its keys")
    func refusedFile() {
        let place = FilePlace(file: "f", line: 2, column: 9, key: "engine")
        let refusal = refusal { () throws(Refusal) in
            _ = try EngineDecision(
                .uring, at: .file(place), UringSettings(), descriptors: 100, disabled: 0, names: .file,
                probe: { _ in Self.findings(Errno.invalid) })
        }
        #expect(refusal?.sentence.hasPrefix("f:2:9: engine uring: this kernel's io_uring lacks one of ") == true)
        #expect(refusal?.sentence.hasSuffix("or try uring.taskrun: coop, or use engine: auto") == true)
    }

    @Test("what the kernel lacks is named")
    func missing() throws {
        var findings = Self.usable
        findings.needs.append(.init("IORING_FEAT_CQE_SKIP", isThere: false))
        #expect(try Self.decide(.auto, findings).fallback?.contains("lacks IORING_FEAT_CQE_SKIP") == true)
    }

    @Test("a failed trial is quoted")
    func trial() throws {
        var findings = Self.usable
        findings.trialFailure = "a linked splice chain changed six bytes"
        #expect(try Self.decide(.auto, findings).fallback?.contains("trial: a linked splice chain changed") == true)
    }

    @Test("with coop the sentence does not advise coop")
    func cooperative() {
        var ring = UringSettings()
        ring.taskRun = .cooperative
        let obstacle = UringObstacle(SystemError(Errno.invalid, in: "io_uring_setup"), ring, disabled: 0)
        #expect(obstacle.reason.contains("IORING_SETUP_COOP_TASKRUN") && !obstacle.cure.contains("--ring-taskrun"))
    }
}
