import CLinux
import Longsplice
import TestSupport
import Testing

@Suite("a socket for many files", .serialized)
struct SendfileSocketTests {
    private static let content = pattern(12_000_000)

    @Test("takes one file after the other", arguments: engines, [Scene.Family.ipv4, .unix])
    func several(engine: Splicer.Engine, family: Scene.Family) async throws {
        let splicer = try Splicer(engine: engine)
        let file = try TestFile(Self.content)
        let scene = try Scene(family, family)
        let socket = try SendfileSocket(scene.a, on: splicer)
        // What is sent at once, what is corked, what a worker goes on with, what is not in the page cache.
        for (length, isCold) in [
            (0, false), (1, false), (300_000, false), (12_000_000, false), (100_000, true), (10, false),
        ] {
            if isCold { file.forget() }
            let sent = aside {
                try await socket.sendfile(
                    file.lent, offset: 0, length: UInt64(length), headers: [[1], [2, 3]], trailers: [[4]])
            }
            let expected = [1, 2, 3] + Self.content[..<length] + [4]
            #expect(try scene.near.receive(expected.count) == expected)
            #expect(try await sent.value == UInt64(expected.count))
        }
    }

    @Test("is busy for other calls, and comes back as it was", arguments: engines)
    func lentAndGivenBack(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let file = try TestFile([1, 2, 3])
        let scene = try Scene()
        _ = clinux_set_nonblocking(scene.first.number, 0)
        do {
            let socket = try SendfileSocket(scene.a, on: splicer)
            #expect(clinux_is_nonblocking(scene.first.number) == 1)
            let again = #expect(throws: SpliceError.self) { try SendfileSocket(scene.a, on: splicer) }
            #expect(again?.reason == .busy)
            let error = await #expect(throws: SendfileError.self) {
                try await splicer.sendfile(file.lent, to: scene.a)
            }
            #expect(error?.errno == 16 && error?.bytesSent == 0)
            let tied = await #expect(throws: SpliceError.self) { try await splicer.splice(scene.a, scene.b) }
            #expect(tied?.reason == .busy)
            #expect(try await socket.sendfile(file.lent) == 3)
        }
        #expect(clinux_is_nonblocking(scene.first.number) == 0)
        #expect(try await splicer.sendfile(file.lent, to: scene.a) == 3)
        #expect(try scene.near.receive(6) == [1, 2, 3, 1, 2, 3])
    }

    @Test("takes one file at a time", arguments: engines)
    func oneAtATime(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let file = try TestFile(Self.content)
        let scene = try Scene()
        let socket = try SendfileSocket(scene.a, on: splicer)
        let first = aside { try await socket.sendfile(file.lent) }
        // It does not fit, so it is under way.
        #expect(try scene.near.receive(1) == [Self.content[0]])
        let error = await #expect(throws: SendfileError.self) { try await socket.sendfile(file.lent, length: 1) }
        guard case .refused(let refusal) = error?.reason else { return #expect(error?.reason == nil) }
        #expect(refusal.reason == .busy && error?.bytesSent == 0)
        #expect(try scene.near.receive(Self.content.count - 1) == Array(Self.content[1...]))
        #expect(try await first.value == UInt64(Self.content.count))
        #expect(try await socket.sendfile(file.lent, length: 1) == 1)
    }

    @Test("a call that is cancelled, and one that is refused, leave it for the next one", arguments: engines)
    func goesOn(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let file = try TestFile(Self.content)
        let scene = try Scene()
        let socket = try SendfileSocket(scene.a, on: splicer)
        let call = aside { try await socket.sendfile(file.lent) }
        #expect(try scene.near.receive(1) == [Self.content[0]])
        call.cancel()
        let cancelled = await #expect(throws: SendfileError.self) { try await call.value }
        #expect(cancelled?.reason == .cancelled)
        _ = try scene.near.receive(Int(cancelled?.bytesSent ?? 1) - 1)
        let refused = await #expect(throws: SendfileError.self) { try await socket.sendfile(scene.b) }
        guard case .refused(let refusal) = refused?.reason else { return #expect(refused?.reason == nil) }
        #expect(refusal.reason == .invalidArgument && refused?.bytesSent == 0)
        #expect(try await socket.sendfile(file.lent, length: 2) == 2)
        #expect(try scene.near.receive(2) == Array(Self.content[..<2]))
    }

    @Test("leaves a cork of its owner's where it was", arguments: [false, true])
    func cork(isCorked: Bool) async throws {
        let splicer = try Splicer()
        let file = try TestFile(Self.content)
        let scene = try Scene()
        _ = clinux_set_corked(scene.first.number, isCorked ? 1 : 0)
        let socket = try SendfileSocket(scene.a, on: splicer)
        let sent = aside { try await socket.sendfile(file.lent, length: 1_000_000) }
        #expect(try scene.near.receive(1_000_000) == Array(Self.content[..<1_000_000]))
        #expect(try await sent.value == 1_000_000)
        #expect(clinux_is_corked(scene.first.number) == (isCorked ? 1 : 0))
    }

    @Test("refuses what files cannot be sent into")
    func refusals() async throws {
        let splicer = try Splicer(engine: .epoll)
        let file = try TestFile([1])
        let (packets, other) = try TestPair.records(.sequencedPacket)
        for (number, reason) in [
            (Int32(-1), SpliceError.Reason.notADescriptor), (file.number, .notASocket),
            (packets.number, .unsupportedType),
        ] {
            let error = #expect(throws: SpliceError.self) { try SendfileSocket(Descriptor(number), on: splicer) }
            #expect(error?.reason == reason)
        }
        _ = other
        let alone = TestSocket(clinux_socket(2))
        let socket = try SendfileSocket(Descriptor(alone.number), on: splicer)
        let error = await #expect(throws: SendfileError.self) { try await socket.sendfile(file.lent) }
        #expect(error?.errno == 107 && error?.bytesSent == 0)
    }
}
