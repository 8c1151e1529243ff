import LinuxCalls
import Testing

@testable import DataPlane

@Suite("A verdict")
struct VerdictTests {
    @Test(
        "names each answer of the kernel to a fill",
        arguments: [
            (1, .moved(1)), (Int32.max, .moved(Int32.max)), (0, .ended), (Errno.again, .notNow),
            (Errno.interrupted, .interrupted), (Errno.restart, .interrupted), (Errno.canceled, .withdrawn),
            (Errno.noMemory, .starved),
            (Errno.noBuffers, .starved), (Errno.invalid, .notSpliceable), (Errno.reset, .connectionLost),
            (Errno.brokenPipe, .connectionLost), (Errno.timedOut, .connectionLost), (Errno.badDescriptor, .unexpected),
            (Int32.min, .connectionLost),
        ] as [(Int32, Verdict)])
    func fill(result: Int32, verdict: Verdict) { #expect(Verdict.ofFill(result) == verdict) }

    @Test("reads 0 from a drain as «no room», since a pipe whose write end is open has no end")
    func drain() {
        #expect(Verdict.ofDrain(0) == .notNow)
        #expect(Verdict.ofDrain(Errno.brokenPipe) == .connectionLost)
        #expect(Verdict.ofDrain(5) == .moved(5))
    }
}
