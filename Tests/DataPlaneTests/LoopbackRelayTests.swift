import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

/// Copying, splicing and the changes between them on real sockets.
@Suite("A pair's relay on real sockets", .serialized)
struct LoopbackRelayTests {
    /// How the two ends are connected to the server.
    enum Family: CaseIterable {
        case tcp
        case unix
    }

    /// A client and the upstream's end of its pair, with a server between.
    private final class Pair {
        let server: TestServer
        let client: TestSocket
        let far: TestSocket
        private let path: String?

        init(
            _ engine: EngineKind, _ policy: RelayPolicy = .adaptive, _ family: Family = .tcp,
            _ change: (inout WorkerSettings) -> Void = { _ in }
        ) throws {
            let upstream: TestListener
            switch family {
            case .tcp:
                path = nil
                upstream = try TestListener.loopback()
            case .unix:
                let name = "/tmp/longsplice-test-\(clinux_monotonic_nanoseconds()).sock"
                path = name
                upstream = try TestListener(try #require(SocketAddress(unixPath: name)))
            }
            server = try TestServer(engine, to: .upstreams([upstream.address])) {
                $0.relay.policy = policy
                change(&$0)
            }
            client = try TestSocket.connected(to: server.address)
            far = try upstream.accept()
        }

        deinit { if let path { _ = clinux_unlink(path) } }

        func end(of side: Side) -> TestSocket { side == .client ? client : far }

        func count(_ counter: Counter) -> UInt64 { server.board[counter] }

        var isGone: Bool { server.board[.active] == 0 && server.board[.pipesBorrowed] == 0 }

        /// A question and an answer.
        func exchange(_ message: [UInt8] = pattern(64)) throws {
            try client.send(message)
            let question = try far.receive(message.count) == message
            try far.send(message)
            let answer = try client.receive(message.count) == message
            #expect(question && answer)
        }

        /// A megabyte at a time one way, written and read by turns, so that the sockets' own buffers hold what is under way.
        func stream(from side: Side, megabytes: Int) throws {
            let chunk = pattern(1 << 18)
            for _ in 0..<megabytes * 4 {
                try end(of: side).send(chunk)
                let isSame = try end(of: side.other).receive(chunk.count) == chunk
                #expect(isSame)
            }
        }
    }

    @Test("bulk is spliced, and every byte arrives", arguments: EngineKind.allCases, Side.allCases)
    func bulk(engine: EngineKind, side: Side) throws {
        let pair = try Pair(engine)
        try pair.stream(from: side, megabytes: 4)
        pair.end(of: side).sendFin()
        #expect(try pair.end(of: side.other).receiveToEnd() == [])
        pair.end(of: side.other).sendFin()
        #expect(eventually { pair.isGone })
        #expect(pair.count(.promotions) >= 1 && pair.count(.fills) > 0 && pair.count(.finished) == 1)
        let (moved, copied) = (pair.count(.bytesUp) + pair.count(.bytesDown), pair.count(.bytesCopied))
        #expect(moved == 4 << 20 && copied < moved, "and not all of it was copied")
    }

    @Test(
        "bulk in both directions at once arrives whole, whatever the relay", arguments: EngineKind.allCases,
        RelayPolicy.allCases)
    func bothWays(engine: EngineKind, policy: RelayPolicy) throws {
        let pair = try Pair(engine, policy) { $0.relay = .restless(policy) }
        let (up, down) = (pattern(1 << 20, seed: 5), pattern(1 << 20, seed: 6))
        var (upSent, downSent) = (0, 0)
        var (upCame, downCame): ([UInt8], [UInt8]) = ([], [])
        var size = 1
        // Pieces of every size, so that both lanes change their ways again and again.
        while upCame.count < up.count || downCame.count < down.count {
            size = size * 5 % 99_991
            let (upSize, downSize) = (min(size, up.count - upSent), min(99_991 - size, down.count - downSent))
            try pair.client.send(Array(up[upSent..<upSent + upSize]))
            try pair.far.send(Array(down[downSent..<downSent + downSize]))
            (upSent, downSent) = (upSent + upSize, downSent + downSize)
            upCame += try pair.far.receive(upSize)
            downCame += try pair.client.receive(downSize)
        }
        let isSame = upCame == up && downCame == down
        #expect(isSame)
        pair.client.sendFin()
        #expect(try pair.far.receiveToEnd() == [])
        pair.far.sendFin()
        #expect(try pair.client.receiveToEnd() == [])
        #expect(eventually { pair.isGone })
        #expect(pair.count(.bytesUp) == 1 << 20 && pair.count(.bytesDown) == 1 << 20)
        #expect((pair.count(.promotions) > 0) == (policy == .adaptive))
        #expect((pair.count(.bytesCopied) == 0) == (policy == .splice))
        #expect((pair.count(.fills) == 0) == (policy == .copy))
        #expect(pair.count(.bytesDropped) == 0 && pair.count(.completionsUnexpected) == 0)
    }

    @Test("question and answer stay copied, and need no pipe", arguments: EngineKind.allCases)
    func pingPong(engine: EngineKind) throws {
        let pair = try Pair(engine)
        for _ in 0..<300 { try pair.exchange() }
        // Large ones too: what is answered is a message.
        let large = pattern(50_000)
        for _ in 0..<20 { try pair.exchange(large) }
        #expect(pair.count(.promotions) == 0 && pair.count(.fills) == 0 && pair.count(.pipesMade) == 0)
        #expect(eventually { pair.count(.bytesCopied) == 2 * (300 * 64 + 20 * 50_000) })
    }

    /// The last bytes are fewer than what the source was told to wait for, and no end follows them.
    @Test(
        "bulk whose source waits for more delivers what comes before a pause, each time",
        arguments: EngineKind.allCases,
        [RelayPolicy.adaptive, .splice])
    func pausesOfBulk(engine: EngineKind, policy: RelayPolicy) throws {
        let pair = try Pair(engine, policy) {
            $0.relay = .restless(policy)
            // Twice what the last chain has moved, which is more than a burst where one chain took all of it.
            $0.relay.lowWaterBytesMin = 1
            $0.relay.lowWaterBytesMax = 400_000
        }
        let burst = pattern(60_000)
        // On a busy machine whole bursts are taken at once, and few of them are waited for.
        for _ in 0..<20_000 where pair.count(.lowWaterWaits) < 3 {
            try pair.far.send(burst)
            let isSame = try pair.client.receive(burst.count) == burst
            #expect(isSame)
        }
        #expect(pair.count(.lowWaterRaised) >= 3 && pair.count(.lowWaterWaits) >= 3)
        pair.far.sendFin()
        #expect(try pair.client.receiveToEnd() == [])
        pair.client.sendFin()
        #expect(eventually { pair.isGone })
        #expect(pair.count(.finished) == 1)
    }

    @Test(
        "a direction that goes back to copying with its mark raised takes every byte again",
        arguments: EngineKind.allCases)
    func lowWaterLeft(engine: EngineKind) throws {
        let pair = try Pair(engine) {
            $0.relay = .restless(.adaptive)
            // Any chain raises the mark above itself, and is too small for splice.
            $0.relay.lowWaterRunBytes = 1
        }
        let burst = pattern(2_000)
        for _ in 0..<100 {
            try pair.far.send(burst)
            let isSame = try pair.client.receive(burst.count) == burst
            #expect(isSame)
        }
        #expect(pair.count(.lowWaterRaised) > 0 && pair.count(.demotionsSmall) > 0)
    }

    @Test(
        "bulk, then silence, then question and answer: copied again, and the pipe is given back",
        arguments: EngineKind.allCases)
    func quiet(engine: EngineKind) throws {
        let pair = try Pair(engine)
        try pair.stream(from: .upstream, megabytes: 2)
        #expect(pair.count(.promotions) == 1)
        #expect(
            eventually { pair.count(.demotionsQuiet) == 1 && pair.server.board[.pipesBorrowed] == 0 })
        // The bytes' counts are published at the end of a turn.
        let (fills, copied) = (pair.count(.fills), pair.count(.bytesCopied))
        for _ in 0..<50 { try pair.exchange() }
        #expect(eventually { pair.count(.bytesCopied) == copied + 50 * 2 * 64 })
        #expect(pair.count(.fills) == fills)
    }

    @Test("bulk that turns into small messages is copied again", arguments: EngineKind.allCases)
    func small(engine: EngineKind) throws {
        let pair = try Pair(engine)
        try pair.stream(from: .upstream, megabytes: 2)
        #expect(pair.count(.promotions) == 1)
        for _ in 0..<50 { try pair.exchange() }
        #expect(eventually { pair.count(.demotionsSmall) + pair.count(.demotionsQuiet) == 1 })
        #expect(pair.server.board[.pipesBorrowed] == 0)
        // And it can be spliced again.
        try pair.stream(from: .upstream, megabytes: 4)
        #expect(eventually { pair.count(.promotions) == 2 })
    }

    @Test("UNIX sockets are copied and spliced alike", arguments: EngineKind.allCases, RelayPolicy.allCases)
    func unix(engine: EngineKind, policy: RelayPolicy) throws {
        let pair = try Pair(engine, policy, .unix)
        for _ in 0..<20 { try pair.exchange() }
        try pair.stream(from: .upstream, megabytes: 2)
        try pair.stream(from: .client, megabytes: 2)
        try pair.exchange(pattern(50_000))
        pair.far.sendFin()
        #expect(try pair.client.receiveToEnd() == [])
        pair.client.sendFin()
        #expect(try pair.far.receiveToEnd() == [])
        #expect(eventually { pair.isGone && pair.count(.finished) == 1 })
        #expect((pair.count(.promotions) > 0) == (policy == .adaptive))
    }

    @Test(
        "a reset right behind bytes is passed on by itself, after the bytes",
        arguments: EngineKind.allCases, RelayPolicy.allCases)
    func resetBehindBytes(engine: EngineKind, policy: RelayPolicy) throws {
        for side in Side.allCases {
            for size in [1, 5_000, 200_000] {
                let pair = try Pair(engine, policy)
                try pair.exchange()
                let sent = pattern(size)
                try pair.end(of: side).send(sent)
                // Only what has left our socket was given to the kernel between: a reset drops the rest.
                #expect(eventually { clinux_unsent_bytes(pair.end(of: side).number) == 0 })
                let began = Clock.nowMillis()
                _ = clinux_reset(pair.end(of: side).number)
                let isSame = try pair.end(of: side.other).receive(size) == sent
                #expect(isSame)
                #expect(throws: SystemError(Errno.reset, in: "recv")) {
                    _ = try pair.end(of: side.other).receive(1)
                }
                let took = Clock.nowMillis() - began
                #expect(took < 20_000)
                #expect(eventually { pair.isGone })
                #expect(pair.count(side == .client ? .clientReset : .upstreamReset) == 1)
            }
        }
    }

    @Test(
        "a UNIX socket's close right behind bytes is passed on by itself, after the bytes",
        arguments: EngineKind.allCases, RelayPolicy.allCases)
    func unixCloseBehindBytes(engine: EngineKind, policy: RelayPolicy) throws {
        for size in [1, 5_000, 100_000] {
            let path = "/tmp/longsplice-test-\(clinux_monotonic_nanoseconds()).sock"
            defer { _ = clinux_unlink(path) }
            let upstream = try TestListener(try #require(SocketAddress(unixPath: path)))
            let server = try TestServer(engine, to: .upstreams([upstream.address])) { $0.relay.policy = policy }
            let client = try TestSocket.connected(to: server.address)
            var far: TestSocket? = try upstream.accept()
            try client.send([1])
            #expect(try far?.receive(1) == [1])
            let sent = pattern(size)
            try far?.send(sent)
            let began = Clock.nowMillis()
            far = nil
            let isSame = try client.receiveToEnd(within: 30_000) == sent
            let took = Clock.nowMillis() - began
            #expect(isSame && took < 20_000)
            client.sendFin()
            #expect(eventually { server.board[.active] == 0 })
        }
    }

    @Test("FIN right behind bytes is passed on at once", arguments: EngineKind.allCases, RelayPolicy.allCases)
    func finBehindBytes(engine: EngineKind, policy: RelayPolicy) throws {
        for size in [1, 5_000, 100_000] {
            let pair = try Pair(engine, policy)
            let sent = pattern(size)
            let began = Clock.nowMillis()
            try pair.client.send(sent)
            pair.client.sendFin()
            let isSame = try pair.far.receiveToEnd() == sent
            let took = Clock.nowMillis() - began
            #expect(isSame && took < 20_000)
            pair.far.sendFin()
            #expect(eventually { pair.isGone && pair.count(.finished) == 1 })
        }
    }

    @Test(
        "a reader that has sent FIN and reads a large answer slowly gets all of it, and costs no spinning",
        arguments: EngineKind.allCases, [RelayPolicy.copy, .adaptive])
    func slowReaderAfterFin(engine: EngineKind, policy: RelayPolicy) throws {
        let pair = try Pair(engine, policy)
        try pair.client.send([1])
        pair.client.sendFin()
        #expect(try pair.far.receiveToEnd() == [1])
        // More than both socket buffers and whatever the relay holds.
        let chunk = pattern(1 << 18)
        var total = 0
        while (try? pair.far.send(chunk, within: 100)) != nil { total += chunk.count }
        let (turns, sends) = (pair.count(.turns), pair.count(.sends))
        for _ in 0..<300 { pause() }
        #expect(pair.count(.turns) - turns < 200 && pair.count(.sends) - sends < 50, "while the reader sleeps")
        var received: [UInt8] = []
        let began = Clock.nowMillis()
        while received.count < total && Clock.nowMillis() - began < 20_000 {
            received += try pair.client.receive(min(1 << 18, total - received.count))
        }
        #expect(received.count == total)
        // Whole arrays compare quickly, element by element is slow without optimisation.
        let isSame = stride(from: 0, to: total, by: chunk.count).allSatisfy {
            Array(received[$0..<min(total, $0 + chunk.count)]) == chunk
        }
        #expect(isSame)
        // No send was tried much more often than bytes could be sent: a kilobyte each at the very least.
        #expect(pair.count(.sends) < UInt64(total / 1_024) && pair.count(.drains) < UInt64(total / 1_024))
    }

    @Test(
        "urgent bytes are delivered in line, whatever the relay", arguments: EngineKind.allCases, RelayPolicy.allCases)
    func urgent(engine: EngineKind, policy: RelayPolicy) throws {
        let pair = try Pair(engine, policy)
        for round in 0..<5 {
            try pair.client.send(pattern(100))
            #expect(clinux_send_urgent(pair.client.number, UInt8(round)) == 1)
            try pair.client.send(pattern(50))
            #expect(try pair.far.receive(151) == pattern(100) + [UInt8(round)] + pattern(50))
        }
    }

    @Test("an idle pair keeps no pipe, however it was used before", arguments: EngineKind.allCases)
    func idle(engine: EngineKind) throws {
        let pair = try Pair(engine)
        try pair.exchange()
        try pair.stream(from: .client, megabytes: 2)
        try pair.exchange()
        #expect(eventually { pair.server.board[.pipesBorrowed] == 0 })
        #expect(eventually { pair.count(.bytesUp) + pair.count(.bytesDown) == 2 << 20 + 256 })
        // What was received has been sent, all of it.
        #expect(pair.count(.bytesDropped) == 0 && pair.server.board[.active] == 1)
    }
}
