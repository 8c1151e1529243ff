import DataPlane
import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("Limits")
struct LimitsTests {
    private let plain = Limits(workers: 2, listeners: 1, hasEcho: false)
    private let echoing = Limits(workers: 2, listeners: 1, hasEcho: true)

    @Test("a pair needs two sockets and two pipes, and the embedded server three more, while there are pipes for all")
    func pairs() {
        #expect(plain.descriptors(for: 11) - plain.descriptors(for: 10) == 6)
        #expect(echoing.descriptors(for: 11) - echoing.descriptors(for: 10) == 9)
    }

    @Test("beyond the pipes that workers have a pair needs its sockets, and so do most of them")
    func withoutPipes() {
        #expect(plain.descriptors(for: 5_001) - plain.descriptors(for: 5_000) == 2)
        #expect(echoing.descriptors(for: 5_001) - echoing.descriptors(for: 5_000) == 3)
        #expect(plain.pipes(for: 10) == 20 && plain.pipes(for: 10_000) == 512)
        #expect(plain.connectionsFitting(20_000) > 9_000)
    }

    @Test("workers need descriptors before anybody connects")
    func fixed() {
        #expect(plain.descriptorsWithoutConnections == 2 * 3 + 64)
        #expect(echoing.descriptorsWithoutConnections == 2 * 3 + 3 + 64)
    }

    @Test(
        "the fitting number fits and the next one does not", arguments: [100, 500, 1024, 20_000, 1_048_576] as [UInt64])
    func fitting(limit: UInt64) {
        for limits in [plain, echoing] {
            let connections = limits.connectionsFitting(limit)
            #expect(limits.descriptors(for: connections) <= Int(limit))
            #expect(limits.descriptors(for: connections + 1) > Int(limit))
        }
    }

    @Test("a limit too small for the workers leaves no connection", arguments: [0, 10, 70, 75] as [UInt64])
    func none(limit: UInt64) {
        #expect(plain.connectionsFitting(limit) == 0)
        #expect(plain.connectionsByDefault(limit) == 0)
    }

    @Test("the default leaves room for what is accepted in excess, and is bounded")
    func byDefault() {
        let many = plain.connectionsFitting(100_000)
        #expect(plain.connectionsByDefault(100_000) == many - WorkerSettings.acceptedInExcessMax)
        let few = plain.connectionsFitting(500)
        #expect(plain.connectionsByDefault(500) == few - few / 8)
        #expect(plain.connectionsByDefault(.max) == Limits.connectionsByDefaultMax)
    }

    @Test("the pipe quota is counted in pages")
    func quota() {
        func pipes(_ pages: Int, _ bytes: Int, isExempt: Bool = false) -> Int? {
            Limits.pipesWithinQuota(pages: pages, pageBytes: 4096, pipeBytes: bytes, isExempt: isExempt)
        }
        #expect(pipes(16_384, 1 << 20) == 64)
        #expect(pipes(16_384, 1 << 16) == 1_024)
        #expect(pipes(16_384, 1) == 16_384)
        #expect(pipes(0, 1 << 20) == nil)
        #expect(pipes(16_384, 1 << 20, isExempt: true) == nil)
    }

    @Test("more connections than fit are refused with the number that fits and the cure")
    func tooMany() {
        let limit = ResourceLimit(soft: 500, hard: 500)
        let refused = refusal { () throws(Refusal) in _ = try DescriptorLimit(400, echoing, limit) }
        #expect(refused?.kind.exitStatus == 1)
        #expect(
            refused?.sentence
                == "--max-connections 400: needs 2809 descriptors, and RLIMIT_NOFILE is 500; write at most 47, "
                + "or raise the limit with ulimit -n (LimitNOFILE=)")
    }

    @Test("a limit that allows no connection at all is refused with what one needs")
    func noneAtAll() {
        let limit = ResourceLimit(soft: 60, hard: 60)
        let refused = refusal { () throws(Refusal) in _ = try DescriptorLimit(nil, plain, limit) }
        #expect(
            refused?.sentence
                == "RLIMIT_NOFILE 60 leaves no descriptors for a connection; raise it to 76 or more with ulimit -n (LimitNOFILE=)"
        )
    }
}
