import DataPlane
import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("The doctor")
struct DiagnosisTests {
    private func examination(_ change: (inout Examination) -> Void = { _ in }) -> Examination {
        var machine = Machine()
        machine.kernelRelease = "6.18.0"
        machine.processors = [0, 1]
        machine.descriptors = ResourceLimit(soft: 1024, hard: 1_048_576)
        machine.acceptQueueMax = 4096
        var findings = UringFindings()
        findings.needs = [.init("IORING_OP_SPLICE", isThere: true)]
        var examination = Examination(
            machine: machine, ring: UringSettings(), findings: findings, obstacle: nil, pipeGranted: 1 << 20,
            pipeBytes: 1 << 20)
        change(&examination)
        return examination
    }

    @Test("a good machine needs no advice and gives status 0")
    func healthy() {
        let diagnosis = Diagnosis(examination())
        #expect(diagnosis.exitStatus == 0)
        #expect(!diagnosis.text.contains("advice") && diagnosis.text.contains("would start"))
        #expect(diagnosis.text.contains("523741 at a time; RLIMIT_NOFILE binds"))
    }

    @Test("what stands in io_uring's way is told with its cure, and the status is not 0")
    func obstacle() {
        let diagnosis = Diagnosis(
            examination { examination in
                examination.findings = UringFindings()
                examination.findings.setupFailure = SystemError(Errno.notPermitted, in: "io_uring_setup")
                examination.obstacle = examination.findings.obstacle(examination.ring, disabled: 2)
            })
        #expect(diagnosis.exitStatus == 1)
        #expect(diagnosis.text.contains("kernel.io_uring_disabled is 2"))
        #expect(diagnosis.text.contains("for io_uring, set `sysctl kernel.io_uring_disabled=0`"))
        #expect(diagnosis.text.contains("would not start"))
    }

    @Test("a small pipe quota binds the connections with full-size pipes")
    func quota() {
        let diagnosis = Diagnosis(examination { $0.machine.pipePagesSoft = 16_384 })
        #expect(diagnosis.text.contains("64 at a time; fs.pipe-user-pages-soft binds"))
        #expect(diagnosis.text.contains("fs.pipe-user-pages-soft=\(512 * 256)"))
        #expect(diagnosis.exitStatus == 0)
    }

    @Test("small limits are answered with the numbers to set")
    func smallLimits() {
        let diagnosis = Diagnosis(
            examination {
                $0.machine.descriptors = ResourceLimit(soft: 1024, hard: 4096)
                $0.machine.acceptQueueMax = 128
                $0.machine.pipeMaxSize = 65_536
            })
        #expect(diagnosis.text.contains("for 10000 connections, raise RLIMIT_NOFILE to 21094"))
        #expect(diagnosis.text.contains("net.core.somaxconn=4096"))
        #expect(diagnosis.text.contains("fs.pipe-max-size=1048576"))
    }

    @Test("a limit that allows no connection is no health")
    func noConnection() {
        #expect(Diagnosis(examination { $0.machine.descriptors = ResourceLimit(soft: 60, hard: 60) }).exitStatus == 1)
    }
}
