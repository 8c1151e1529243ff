import CLinux
import DataPlane
import Glibc
import LinuxCalls
import TestSupport
import Testing

@testable import Longsplice

/// A file that is gone with the test.
final class TestFile: Sendable {
    let number: Int32

    init(_ bytes: [UInt8]) throws {
        number = try Self.unnamed()
        var at = 0
        while at < bytes.count {
            at += bytes.withUnsafeBytes { write(number, $0.baseAddress?.advanced(by: at), bytes.count - at) }
        }
    }

    /// A hole, with some bytes at its end.
    init(hole: Int, then bytes: [UInt8]) throws {
        number = try Self.unnamed()
        _ = pwrite(number, bytes, bytes.count, hole)
    }

    /// On a disk, since what is in /tmp may be in memory alone.
    private static func unnamed() throws -> Int32 {
        let path = "/var/tmp/longsplice-test-\(clinux_monotonic_nanoseconds())"
        defer { _ = clinux_unlink(path) }
        return try checked(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600), "open")
    }

    deinit { close(number) }

    var lent: Descriptor { Descriptor(number) }

    func truncate(to length: Int) { _ = ftruncate(number, length) }

    /// Nothing more is in the page cache than was asked for.
    func readNothingAhead() { posix_fadvise(number, 0, 0, POSIX_FADV_RANDOM) }

    /// Out of the page cache.
    func forget() {
        fsync(number)
        posix_fadvise(number, 0, 0, POSIX_FADV_DONTNEED)
    }
}

@Suite("sendfile", .serialized)
struct SendfileTests {
    private static let content = pattern(3_000_001)
    /// More than all the buffers on the way hold.
    private static let big = pattern(12_000_000)

    @Test("sends exactly the range, whatever the offset", arguments: engines)
    func ranges(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let file = try TestFile(Self.content)
        _ = lseek(file.number, 17, SEEK_SET)
        for (offset, length) in [
            (0, 0), (0, 1), (1, 4_096), (4_095, 65_537), (777, 1_100_000), (3_000_000, 1), (3_000_001, 5),
        ] {
            let (near, far) = try TestPair.tcp()
            let sent = aside {
                try await splicer.sendfile(
                    file.lent, to: Descriptor(far.number), offset: UInt64(offset), length: UInt64(length))
            }
            let expected = Array(Self.content[offset..<min(offset + length, Self.content.count)])
            #expect(try near.receive(expected.count) == expected)
            #expect(try await sent.value == UInt64(expected.count))
            try far.send([0xFF])
            #expect(try near.receive(1) == [0xFF])
        }
        #expect(lseek(file.number, 0, SEEK_CUR) == 17)
    }

    @Test("sends headers, the file and trailers in their order", arguments: engines, [Scene.Family.ipv4, .unix])
    func frame(engine: Splicer.Engine, family: Scene.Family) async throws {
        let splicer = try Splicer(engine: engine)
        let file = try TestFile(Self.content)
        let big = pattern(150_000, seed: 9)
        for (headers, length, trailers) in [
            ([[1, 2], [3]], 10, [[4]]), ([big], 1_500_000, [big, [5]]), ([], 0, [[6, 7]]), ([[8]], 0, []),
            ([], 20, [big]),
        ] as [([[UInt8]], Int, [[UInt8]])] {
            let scene = try Scene(family, family)
            let sent = aside {
                try await splicer.sendfile(
                    file.lent, to: scene.a, length: UInt64(length), headers: headers, trailers: trailers,
                    options: .noDelayedTail)
            }
            let expected = headers.flatMap(\.self) + Self.content[..<length] + trailers.flatMap(\.self)
            #expect(try scene.near.receive(expected.count) == expected)
            #expect(try await sent.value == UInt64(expected.count))
        }
    }

    /// A corked socket keeps its last bytes back for 200 ms, one that waits for an answer for 40: the quickest of a few calls, since a
    /// busy machine may hold up any of them, and a tail that is held back holds up all.
    @Test("leaves no tail behind, whatever the size", arguments: engines)
    func tail(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let file = try TestFile(Self.content)
        let (near, far) = try TestPair.tcp()
        // Below and above what is corked, whole pages and not.
        for length in [1, 4_096, 16 * 4_096, 65_537, 262_144, 262_145, 1_048_576] {
            var quickest = Int64.max
            for round in 0..<8 {
                let began = Clock.nowMillis()
                let headers: [[UInt8]] = round % 2 == 0 ? [] : [[1, 2, 3]]
                let sent = aside {
                    try await splicer.sendfile(
                        file.lent, to: Descriptor(far.number), length: UInt64(length), headers: headers)
                }
                _ = try near.receive(length + headers.joined().count)
                quickest = min(quickest, Clock.nowMillis() - began)
                _ = try await sent.value
            }
            #expect(quickest < 150, "\(length) bytes")
        }
    }

    @Test("waits for a slow reader, also one that has sent its FIN", arguments: engines)
    func slowReader(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let big = Self.big
        let file = try TestFile(big)
        let (near, far) = try TestPair.tcp()
        near.sendFin()
        let sent = aside { try await splicer.sendfile(file.lent, to: Descriptor(far.number)) }
        for _ in 0..<300 { TestSupport.pause() }
        #expect(try near.receive(big.count) == big)
        #expect(try await sent.value == UInt64(big.count))
    }

    @Test("sends what is not in the page cache, to more at once than read it", arguments: engines)
    func cold(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let file = try TestFile(Self.content)
        for offset in [0, 12_345] {
            file.forget()
            let pairs = try (0..<12).map { _ in try TestPair.tcp() }
            let calls = pairs.map { pair in
                aside {
                    try await splicer.sendfile(
                        file.lent, to: Descriptor(pair.far.number), offset: UInt64(offset), headers: [[1, 2]],
                        trailers: [[3]])
                }
            }
            let expected = [1, 2] + Self.content[offset...] + [3]
            for (pair, call) in zip(pairs, calls) {
                #expect(try pair.near.receive(expected.count) == expected)
                #expect(try await call.value == UInt64(expected.count))
            }
        }
    }

    /// A worker waits for room and meets what is cold, again and again; but it waits.
    @Test("sends what is not in the page cache to a slow reader", arguments: engines, [Scene.Family.ipv4, .unix])
    func coldAndSlow(engine: Splicer.Engine, family: Scene.Family) async throws {
        let splicer = try Splicer(engine: engine)
        let big = Self.big
        let file = try TestFile(big)
        file.forget()
        file.readNothingAhead()
        let scene = try Scene(family, family)
        let sent = aside { try await splicer.sendfile(file.lent, to: scene.a) }
        var at = 0
        while at < big.count {
            let count = min(1_500_000, big.count - at)
            #expect(try scene.near.receive(count) == Array(big[at..<at + count]))
            at += count
            for _ in 0..<10 { TestSupport.pause() }
        }
        #expect(try await sent.value == UInt64(big.count))
        // Each time there was room, and for more than 16 KiB on the whole. Without a wait it was about a thousand times.
        let givenBack = splicer.threads.reduce(0) { $0 + $1.control.board[.coldFiles] }
        #expect(givenBack < UInt64(big.count >> 14))
    }

    @Test("what ends a file that is not in the page cache is told, too", arguments: engines)
    func coldEnds(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        for isShrinking in [true, false] {
            let file = try TestFile(Self.big)
            file.forget()
            file.readNothingAhead()
            let (near, far) = try TestPair.tcp()
            let sent = aside { try await splicer.sendfile(file.lent, to: Descriptor(far.number), trailers: [[1]]) }
            #expect(try near.receive(100_000) == Array(Self.big[..<100_000]))
            if isShrinking {
                file.truncate(to: 10_000_000)
                file.forget()
                _ = try near.receive(9_900_000)
            } else {
                _ = clinux_reset(near.number)
            }
            let error = await #expect(throws: SendfileError.self) { _ = try await sent.value }
            #expect(error?.reason == (isShrinking ? .fileShrank : .connectionLost))
            #expect(isShrinking ? error?.bytesSent == 10_000_000 : (error?.bytesSent ?? 0) >= 100_000)
        }
    }

    @Test("reaches beyond 4 GiB", arguments: engines)
    func large(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let file = try TestFile(hole: 5 << 30, then: [1, 2, 3, 4])
        let (near, far) = try TestPair.tcp()
        let sent = aside { try await splicer.sendfile(file.lent, to: Descriptor(far.number), offset: (5 << 30) - 2) }
        #expect(try near.receive(6) == [0, 0, 1, 2, 3, 4])
        #expect(try await sent.value == 6)
    }

    @Test("a file that shrinks ends it, with what was sent", arguments: engines)
    func shrinking(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let big = Self.big
        let file = try TestFile(big)
        let (near, far) = try TestPair.tcp()
        let sent = aside { try await splicer.sendfile(file.lent, to: Descriptor(far.number), trailers: [[1]]) }
        #expect(try near.receive(100_000) == Array(big[..<100_000]))
        file.truncate(to: 10_000_000)
        let rest = try near.receive(9_900_000)
        #expect(rest == Array(big[100_000..<10_000_000]))
        let error = await #expect(throws: SendfileError.self) { _ = try await sent.value }
        #expect(error?.reason == .fileShrank && error?.bytesSent == 10_000_000)
    }

    @Test("a peer that goes away ends it, with what was sent", arguments: engines)
    func peerGone(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let file = try TestFile(Self.big)
        let (near, far) = try TestPair.tcp()
        let sent = aside { try await splicer.sendfile(file.lent, to: Descriptor(far.number)) }
        _ = try near.receive(100_000)
        _ = clinux_reset(near.number)
        let error = await #expect(throws: SendfileError.self) { _ = try await sent.value }
        #expect(error?.reason == .connectionLost)
        #expect((error?.bytesSent ?? 0) >= 100_000)
    }

    @Test("cancelled, it tells how much was sent, and the socket goes on", arguments: engines, [false, true])
    func cancelled(engine: Splicer.Engine, isCold: Bool) async throws {
        let splicer = try Splicer(engine: engine)
        let big = Self.big
        let file = try TestFile(big)
        for pauses in isCold ? 0..<20 : 50..<51 {
            if isCold { file.forget() }
            let (near, far) = try TestPair.tcp()
            let sent = aside { try await splicer.sendfile(file.lent, to: Descriptor(far.number), headers: [[7]]) }
            #expect(try near.receive(1) == [7])
            for _ in 0..<pauses { TestSupport.pause() }
            sent.cancel()
            let error = await #expect(throws: SendfileError.self) { _ = try await sent.value }
            #expect(error?.reason == .cancelled)
            let count = Int(error?.bytesSent ?? 0) - 1
            #expect(try near.receive(count) == Array(big[..<count]))
            let end = aside { try far.send([1, 2]) }
            #expect(try near.receive(2) == [1, 2])
            try await end.value
        }
    }

    @Test("refused for want of a place, it tells what the socket has taken before")
    func atCapacity() async throws {
        let splicer = try Splicer(capacity: 1)
        let big = Self.big
        let file = try TestFile(big)
        let (one, other) = (try TestPair.tcp(), try TestPair.tcp())
        let first = aside { try await splicer.sendfile(file.lent, to: Descriptor(one.far.number)) }
        // More than is sent without a worker: the only place is taken.
        _ = try one.near.receive(3_000_000)
        let error = await #expect(throws: SendfileError.self) {
            _ = try await splicer.sendfile(file.lent, to: Descriptor(other.far.number))
        }
        guard case .refused(let refusal) = error?.reason else { return #expect(error?.reason == nil) }
        #expect(refusal.reason == .atCapacity && error?.errno == 11)
        let sent = Int(error?.bytesSent ?? 0)
        #expect(sent > 0)
        #expect(try other.near.receive(sent) == Array(big[..<sent]))
        _ = try one.near.receive(big.count - 3_000_000)
        #expect(try await first.value == UInt64(big.count))
    }

    @Test("refuses what is no file, and no stream to send it into")
    func refusals() async throws {
        let splicer = try Splicer(engine: .epoll)
        let file = try TestFile([1])
        let scene = try Scene()
        for (source, sink, reason) in [
            (Descriptor(-1), scene.a, SpliceError.Reason.notADescriptor), (scene.b, scene.a, .invalidArgument),
            (file.lent, file.lent, .notASocket), (file.lent, Descriptor(-1), .notADescriptor),
        ] {
            let error = await #expect(throws: SendfileError.self) { _ = try await splicer.sendfile(source, to: sink) }
            guard case .refused(let refusal) = error?.reason else { return #expect(error?.reason == nil) }
            #expect(refusal.reason == reason && error?.bytesSent == 0)
        }
    }

    /// A TCP socket is asked only where it takes nothing, so not before there is something to take.
    @Test("a socket without a peer, or one that listens: ENOTCONN", arguments: engines)
    func notConnected(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let alone = TestSocket(clinux_socket(2))
        let listener = try TestListener.loopback()
        let (full, empty) = (try TestFile([1, 2]), try TestFile([]))
        let frames: [(file: TestFile, headers: [[UInt8]])] = [(full, []), (empty, []), (empty, [[3]])]
        for number in [alone.number, listener.number] {
            for (file, headers) in frames {
                let error = await #expect(throws: SendfileError.self) {
                    _ = try await splicer.sendfile(file.lent, to: Descriptor(number), headers: headers)
                }
                guard case .refused(let refusal) = error?.reason else { return #expect(error?.reason == nil) }
                #expect(refusal.reason == .notConnected && refusal.errno == 107 && error?.bytesSent == 0)
            }
        }
    }

    @Test("a connection that was reset before is lost, not unknown", arguments: engines)
    func resetBefore(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let file = try TestFile([1, 2])
        let scene = try Scene()
        _ = clinux_reset(scene.near.number)
        #expect(eventually { clinux_has_hung_up(scene.first.number) == 1 })
        let error = await #expect(throws: SendfileError.self) { try await splicer.sendfile(file.lent, to: scene.a) }
        #expect(error?.reason == .connectionLost && error?.bytesSent == 0)
    }

    @Test("one piece that is not in the page cache is found")
    func oneColdPiece() throws {
        let (piece, count, cold) = (65_536, 32, 19)
        let file = try TestFile(pattern(piece * count))
        file.readNothingAhead()
        var buffer = [UInt8](repeating: 0, count: piece)
        // Again, since the kernel may take pages for cold at any time.
        let isFound = eventually {
            file.forget()
            for index in 0..<count where index != cold { _ = pread(file.number, &buffer, piece, index * piece) }
            let (before, behind) = (Int64(cold * piece), Int64((cold + 1) * piece))
            let length = Int64(count * piece)
            return clinux_file_is_cached(file.number, 5, before - 5) == 1
                && clinux_file_is_cached(file.number, behind, length - behind) == 1
                && clinux_file_is_cached(file.number, 5, length - 5) == 0
                && clinux_file_is_cached(file.number, behind - 1, 2) == 0
        }
        #expect(isFound)
    }
}
