import CLinux
import LinuxCalls
import Longsplice
import TestSupport
import Testing

/// Every error that the ancestor's splice knew, and ours: each is told before a byte is moved.
@Suite("What splice refuses")
struct RefusalTests {
    private let splicer: Splicer

    init() throws { splicer = try Splicer(engine: .epoll, capacity: 1) }

    private func refusal(_ a: Int32, _ b: Int32, _ options: SplicingOptions = []) async -> SpliceError? {
        do throws(SpliceError) {
            let outcome = try await splicer.splice(Descriptor(a), Descriptor(b), options: options)
            Issue.record("not refused: \(outcome)")
            return nil
        } catch {
            return error
        }
    }

    @Test("a number that is no descriptor: EBADF")
    func notADescriptor() async throws {
        let scene = try Scene()
        for number in [Int32(-1), 4_000] {
            let first = await refusal(number, scene.second.number)
            #expect(first?.reason == .notADescriptor && first?.errno == 9)
            let second = await refusal(scene.first.number, number)
            #expect(
                second?.reason == .notADescriptor && second?.description.hasPrefix("second socket: \(number) ") == true)
        }
    }

    @Test("a descriptor that is no socket: ENOTSOCK")
    func notASocket() async throws {
        let scene = try Scene()
        let file = clinux_event()
        defer { _ = clinux_close(file) }
        let told = await refusal(file, scene.second.number)
        #expect(told?.reason == .notASocket && told?.errno == 88)
    }

    @Test("a type that is not known, or two different ones: ESOCKTNOSUPPORT")
    func unsupportedType() async throws {
        let scene = try Scene()
        let (datagram, other) = try TestPair.records(.datagram)
        for (a, b) in [(scene.first, datagram), (datagram, scene.first)] {
            let told = await refusal(a.number, b.number)
            #expect(told?.reason == .unsupportedType && told?.errno == 94)
        }
        _ = other
    }

    @Test("a socket without a peer, or one that listens: ENOTCONN")
    func notConnected() async throws {
        let scene = try Scene()
        let alone = TestSocket(clinux_socket(2))
        let listener = try TestListener.loopback()
        for number in [alone.number, listener.number] {
            let told = await refusal(scene.first.number, number)
            #expect(told?.reason == .notConnected && told?.errno == 107)
        }
        _ = clinux_reset(scene.near.number)
        #expect(eventually { clinux_has_hung_up(scene.first.number) == 1 })
        #expect(await refusal(scene.first.number, scene.second.number)?.reason == .notConnected)
    }

    @Test("the same socket twice, under any number, unless it is asked for: EINVAL")
    func sameSocket() async throws {
        let scene = try Scene()
        let copy = TestSocket(clinux_duplicate(scene.first.number))
        for number in [scene.first.number, copy.number] {
            let told = await refusal(scene.first.number, number)
            #expect(told?.reason == .sameSocket && told?.errno == 22)
        }
        #expect(await refusal(scene.first.number, scene.second.number, .loopback)?.reason == .sameSocket)
    }

    @Test("a socket that is tied already: EBUSY, so two orders of one pair cannot lock each other out")
    func busy() async throws {
        let scene = try Scene(.unix, .unix)
        let other = try Splicer(engine: .epoll)
        let outcome = aside { try await splicer.splice(scene.a, scene.b) }
        try scene.near.send([1])
        #expect(try scene.far.receive(1) == [1])
        do throws(SpliceError) {
            _ = try await other.splice(scene.b, scene.a)
            Issue.record("tied twice")
        } catch {
            #expect(error.reason == .busy && error.errno == 16)
        }
        scene.near.sendFin()
        scene.far.sendFin()
        #expect(try await outcome.value.ending == .finished)
        // It is free again.
        let free = try await other.splice(scene.b, to: scene.a, length: 0, options: .oneWay)
        #expect(free.ending == .lengthReached)
    }

    @Test("more calls than the splicer was made for: EAGAIN")
    func atCapacity() async throws {
        let (one, other) = (try Scene(), try Scene())
        let outcome = aside { try await splicer.splice(one.a, one.b) }
        try one.near.send([1])
        #expect(try one.far.receive(1) == [1])
        let told = await refusal(other.first.number, other.second.number)
        #expect(told?.reason == .atCapacity && told?.errno == 11)
        one.near.sendFin()
        one.far.sendFin()
        _ = try await outcome.value
    }

    @Test("arguments outside of what is allowed: EINVAL", arguments: [(7, 1, 1), (256, 0, 1), (256, 1, 65_537)])
    func arguments(ringDepth: Int, workers: Int, capacity: Int) {
        let told = #expect(throws: SpliceError.self) {
            _ = try Splicer(ringDepth: ringDepth, workers: workers, capacity: capacity)
        }
        #expect(told?.reason == .invalidArgument && told?.errno == 22)
    }
}
