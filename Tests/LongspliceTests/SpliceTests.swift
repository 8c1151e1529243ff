import CLinux
import LinuxCalls
import Longsplice
import TestSupport
import Testing

/// Two connections and a splicer between: near ─ (first … second) ─ far.
struct Scene: Sendable {
    let near: TestSocket
    let first: TestSocket
    let second: TestSocket
    let far: TestSocket

    enum Family: CaseIterable {
        case ipv4
        case ipv6
        case unix
    }

    init(_ one: Family = .ipv4, _ other: Family = .ipv4) throws {
        (near, first) = try Self.pair(one)
        (far, second) = try Self.pair(other)
    }

    private static func pair(_ family: Family) throws -> (TestSocket, TestSocket) {
        switch family {
        case .ipv4: try TestPair.tcp()
        case .ipv6: try TestPair.tcp("::1")
        case .unix: try TestPair.unix()
        }
    }

    var a: Descriptor { Descriptor(first.number) }
    var b: Descriptor { Descriptor(second.number) }
}

let engines: [Splicer.Engine] = [.uring, .epoll]

@Suite("splice", .serialized)
struct SpliceTests {
    @Test("carries both ways until both streams have ended", arguments: engines, Scene.Family.allCases)
    func bothWays(engine: Splicer.Engine, family: Scene.Family) async throws {
        for other in Scene.Family.allCases {
            let splicer = try Splicer(engine: engine)
            let scene = try Scene(family, other)
            let outcome = aside { try await splicer.splice(scene.a, scene.b) }
            try scene.near.send(pattern(200_000, seed: 1))
            scene.near.sendFin()
            #expect(try scene.far.receiveToEnd() == pattern(200_000, seed: 1))
            try scene.far.send(pattern(70_000, seed: 2))
            scene.far.sendFin()
            #expect(try scene.near.receiveToEnd() == pattern(70_000, seed: 2))
            let told = try await outcome.value
            #expect(told.ending == .finished && told.endedBy == .first)
            #expect(told.bytesToSecond == 200_000 && told.bytesToFirst == 70_000)
            #expect(told.undeliveredToFirst.isEmpty && told.undeliveredToSecond.isEmpty)
            #expect(told.duration > .zero)
        }
    }

    @Test("moves exactly its length, and leaves the rest where it was", arguments: engines)
    func length(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let scene = try Scene()
        let sent = pattern(300_000)
        try scene.near.send(sent)
        var at = 0
        for length in [0, 1, 4_095, 65_536, 100_001] {
            let outcome = try await splicer.splice(scene.a, to: scene.b, length: UInt64(length), options: .oneWay)
            #expect(outcome.ending == .lengthReached && outcome.endedBy == nil)
            #expect(outcome.bytesToSecond == UInt64(length))
            #expect(try scene.far.receive(length) == Array(sent[at..<at + length]))
            at += length
        }
        #expect(try scene.first.receive(sent.count - at) == Array(sent[at...]))
        // Nothing was shut down.
        try scene.second.send([7])
        #expect(try scene.far.receive(1) == [7])
    }

    @Test("waits for the rest of a length, and reports a stream that ends before", arguments: engines)
    func shortOfLength(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let scene = try Scene()
        let outcome = aside {
            try await splicer.splice(scene.a, to: scene.b, length: 1_000, options: [.oneWay, .withholdFin])
        }
        try scene.near.send(pattern(600))
        #expect(try scene.far.receive(600) == pattern(600))
        scene.near.sendFin()
        let told = try await outcome.value
        #expect(told.ending == .finished && told.endedBy == .first && told.bytesToSecond == 600)
        // The end was withheld, so there may be something behind.
        try scene.second.send([1, 2, 3])
        #expect(try scene.far.receive(3) == [1, 2, 3])
    }

    @Test("passes on an end that was read before, by a socket that is closed both ways by now", arguments: engines)
    func endBehindCancellation(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let scene = try Scene()
        // As a splice leaves it that is cancelled between the last byte and the end.
        try scene.near.send([1, 2])
        scene.near.sendFin()
        #expect(try scene.first.receiveToEnd() == [1, 2])
        scene.first.sendFin()
        #expect(try scene.near.receiveToEnd() == [])
        try scene.second.send([1, 2])
        scene.far.sendFin()
        let told = try await splicer.splice(scene.a, scene.b)
        #expect(told.ending == .finished && told.bytesToFirst == 0 && told.bytesToSecond == 0)
        #expect(try scene.far.receiveToEnd(within: 5_000) == [1, 2])
    }

    @Test("one way passes the end on and leaves the other way alone", arguments: engines)
    func oneWay(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let scene = try Scene()
        try scene.far.send([9, 8])
        let outcome = aside { try await splicer.splice(scene.a, to: scene.b, options: .oneWay) }
        try scene.near.send(pattern(10_000))
        scene.near.sendFin()
        #expect(try scene.far.receiveToEnd() == pattern(10_000))
        let told = try await outcome.value
        #expect(told.ending == .finished && told.bytesToFirst == 0)
        #expect(try scene.second.receive(2) == [9, 8])
    }

    @Test("two one-way splices tie the same pair both ways at once", arguments: engines)
    func twoOneWays(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let scene = try Scene()
        let there = aside { try await splicer.splice(scene.a, to: scene.b, options: .oneWay) }
        let back = aside { try await splicer.splice(scene.b, to: scene.a, options: .oneWay) }
        try scene.near.send(pattern(90_000, seed: 3))
        #expect(try scene.far.receive(90_000) == pattern(90_000, seed: 3))
        try scene.far.send(pattern(90_000, seed: 4))
        #expect(try scene.near.receive(90_000) == pattern(90_000, seed: 4))
        scene.near.sendFin()
        scene.far.sendFin()
        #expect(try await there.value.bytesToSecond == 90_000)
        #expect(try await back.value.bytesToSecond == 90_000)
    }

    @Test("ties a socket to itself on request", arguments: engines)
    func loopback(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let pair = try TestPair.tcp()
        let one = Descriptor(pair.far.number)
        let outcome = aside { try await splicer.splice(one, one, options: .loopback) }
        try pair.near.send(pattern(50_000))
        #expect(try pair.near.receive(50_000) == pattern(50_000))
        pair.near.sendFin()
        #expect(try pair.near.receiveToEnd() == [])
        let told = try await outcome.value
        #expect(told.ending == .finished && told.bytesToSecond == 50_000)
    }

    @Test("tells who was reset, after what came before was delivered", arguments: engines)
    func reset(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let scene = try Scene()
        let outcome = aside { try await splicer.splice(scene.a, scene.b) }
        try scene.far.send(pattern(1_000))
        #expect(try scene.near.receive(1_000) == pattern(1_000))
        _ = clinux_reset(scene.far.number)
        let told = try await outcome.value
        #expect(told.ending == .reset && told.endedBy == .second && told.bytesToFirst == 1_000)
        // The other socket is as usable as before.
        try scene.first.send([5])
        #expect(try scene.near.receive(1) == [5])
    }

    @Test(
        "a socket that was shut down before ends with its stream, and is not taken for a reset one", arguments: engines)
    func shutBefore(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let scene = try Scene()
        scene.second.sendFin()
        #expect(try scene.far.receiveToEnd() == [])
        try scene.far.send([1, 2])
        scene.far.sendFin()
        scene.near.sendFin()
        let told = try await splicer.splice(scene.a, scene.b)
        #expect(told.ending == .finished && told.bytesToFirst == 2)
        #expect(try scene.near.receiveToEnd() == [1, 2])
    }

    @Test("a reset ends a one-way splice that has nothing to write", arguments: engines)
    func resetOfSink(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let scene = try Scene()
        let outcome = aside { try await splicer.splice(scene.a, to: scene.b, options: .oneWay) }
        try scene.near.send([1])
        #expect(try scene.far.receive(1) == [1])
        _ = clinux_reset(scene.far.number)
        let told = try await outcome.value
        #expect(told.ending == .reset && told.endedBy == .second && told.bytesToSecond == 1)
    }

    private static let much = pattern(3_000_000)

    @Test("cancelled, it hands back what is in the pipe, and both sockets go on", arguments: engines)
    func cancelled(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        var handedBack = 0
        for length in [nil, UInt64(1) << 30] {
            // A UNIX socket takes less than a pipe holds.
            let scene = try Scene(.ipv4, .unix)
            let task = aside { try await splicer.splice(scene.a, to: scene.b, length: length) }
            // More than the pipe and that one hold, since nobody reads.
            let sent = Self.much
            var count = scene.near.offer(sent[..<1_000], patienceMillis: 1_000) ?? 0
            #expect(eventually { !scene.far.hasNothing })
            while count < sent.count, let more = scene.near.offer(sent[count...], patienceMillis: 1_000) {
                count += more
            }
            // The sink is full when no more gets there.
            var unread: Int32 = -1
            #expect(
                eventually {
                    for _ in 0..<50 { TestSupport.pause() }
                    defer { unread = clinux_unread_bytes(scene.far.number) }
                    return unread > 100_000 && unread == clinux_unread_bytes(scene.far.number)
                })
            task.cancel()
            let told = try await task.value
            #expect(told.ending == .cancelled && told.endedBy == nil)
            #expect(told.undeliveredToFirst.isEmpty)
            handedBack += told.undeliveredToSecond.count
            let arrived = try scene.far.receive(Int(told.bytesToSecond))
            scene.near.sendFin()
            let rest = try scene.first.receiveToEnd()
            #expect(arrived + told.undeliveredToSecond + rest == Array(sent[..<count]))
            try scene.second.send([4, 2])
            #expect(try scene.far.receive(2) == [4, 2])
        }
        #expect(handedBack > 0)
    }

    @Test("a task that is cancelled before it begins moves nothing", arguments: engines)
    func cancelledBefore(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let scene = try Scene()
        try scene.near.send([1, 2, 3])
        let task = aside {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await splicer.splice(scene.a, scene.b)
        }
        let told = try await task.value
        #expect(told.ending == .cancelled)
        let left = try scene.first.receive(3 - Int(told.bytesToSecond) - told.undeliveredToSecond.count)
        #expect(Int(told.bytesToSecond) + told.undeliveredToSecond.count + left.count == 3)
    }

    @Test("gives the sockets back with the options they had")
    func options() async throws {
        let splicer = try Splicer()
        let scene = try Scene()
        for socket in [scene.first, scene.second] { _ = clinux_set_nonblocking(socket.number, 0) }
        _ = clinux_unset_urgent_inline(scene.first.number)
        _ = clinux_unset_no_delay(scene.first.number)
        let outcome = aside { try await splicer.splice(scene.a, scene.b) }
        try scene.near.send([1])
        #expect(try scene.far.receive(1) == [1])
        #expect(clinux_is_nonblocking(scene.first.number) == 1)
        scene.near.sendFin()
        scene.far.sendFin()
        _ = try await outcome.value
        for socket in [scene.first, scene.second] { #expect(clinux_is_nonblocking(socket.number) == 0) }
        #expect(clinux_is_no_delay(scene.first.number) == 0)
        #expect(clinux_is_urgent_inline(scene.first.number) == 0)
    }

    @Test("goes on when the caller closes its own descriptors", arguments: engines)
    func closedMeanwhile(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let scene = try Scene()
        let copy = clinux_duplicate(scene.first.number)
        let task = aside { try await splicer.splice(Descriptor(copy), scene.b) }
        try scene.near.send([1])
        #expect(try scene.far.receive(1) == [1])
        _ = clinux_close(copy)
        try scene.near.send([2])
        #expect(try scene.far.receive(1) == [2])
        scene.near.sendFin()
        scene.far.sendFin()
        #expect(try await task.value.bytesToSecond == 2)
    }

    @Test("carries many splices at once", arguments: engines)
    func crowd(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(workers: 2, engine: engine, capacity: 256)
        for round in 0..<10 {
            let scenes = try (0..<100).map { _ in try Scene(.unix, .unix) }
            let tasks = scenes.map { scene in aside { try await splicer.splice(scene.a, scene.b) } }
            for (index, scene) in scenes.enumerated() {
                try scene.near.send(pattern(3_000, seed: UInt64(round * 100 + index)))
                scene.near.sendFin()
                scene.far.sendFin()
            }
            for (index, scene) in scenes.enumerated() {
                let told = try await tasks[index].value
                #expect(told.ending == .finished && told.bytesToSecond == 3_000)
                #expect(try scene.far.receiveToEnd() == pattern(3_000, seed: UInt64(round * 100 + index)))
            }
        }
    }
}

extension TestSocket {
    /// Sends what there is room for within a time; nil where there was none.
    func offer(_ bytes: ArraySlice<UInt8>, patienceMillis: Int64) -> Int? {
        var sent: Int64 = 0
        let found = eventually(within: patienceMillis) {
            sent = bytes.withUnsafeBytes { clinux_send(number, $0.baseAddress, $0.count) }
            return sent > 0
        }
        return found ? Int(sent) : nil
    }
}
