import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

/// Closing on real sockets, on both engines: what the far end sees, and that nothing is left behind.
@Suite("A pair on real sockets", .serialized)
struct LoopbackClosingTests {
    /// A client and the upstream's end of its pair, with a server between.
    private final class Pair {
        let upstream: TestListener
        let server: TestServer
        let client: TestSocket
        let far: TestSocket

        init(_ engine: EngineKind, _ change: (inout WorkerSettings) -> Void = { _ in }) throws {
            upstream = try TestListener.loopback()
            server = try TestServer(engine, to: .upstreams([upstream.address]), change)
            client = try TestSocket.connected(to: server.address)
            far = try upstream.accept()
        }

        func end(of side: Side) -> TestSocket { side == .client ? client : far }
        var isGone: Bool { server.board[.active] == 0 && server.board[.pipesBorrowed] == 0 }
    }

    private func expectReset(
        _ socket: TestSocket, within milliseconds: Int64 = 30_000, _ place: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: SystemError(Errno.reset, in: "recv"), sourceLocation: place) {
            _ = try socket.receiveToEnd(within: milliseconds)
        }
    }

    @Test("passes a reset on, after the bytes before it", arguments: EngineKind.allCases, Side.allCases)
    func reset(engine: EngineKind, side: Side) throws {
        let pair = try Pair(engine)
        let sent = pattern(300_000)
        try pair.end(of: side).send(sent)
        #expect(try pair.end(of: side.other).receive(1000) == Array(sent[..<1000]))
        // Only what has left our socket was given to the kernel between: a reset drops the rest.
        #expect(eventually { clinux_unsent_bytes(pair.end(of: side).number) == 0 })
        _ = clinux_reset(pair.end(of: side).number)
        #expect(try pair.end(of: side.other).receive(sent.count - 1000) == Array(sent[1000...]))
        expectReset(pair.end(of: side.other))
        #expect(eventually { pair.isGone })
        #expect(pair.server.board[side == .client ? .clientReset : .upstreamReset] == 1)
    }

    @Test("passes a reset on that comes after a FIN", arguments: EngineKind.allCases, Side.allCases)
    func resetAfterFin(engine: EngineKind, side: Side) throws {
        let pair = try Pair(engine)
        pair.end(of: side).sendFin()
        #expect(try pair.end(of: side.other).receiveToEnd() == [])
        _ = clinux_reset(pair.end(of: side).number)
        #expect(eventually { pair.isGone })
        // The stream had ended; the reset shows when something is written.
        #expect(clinux_pending_error(pair.end(of: side.other).number) != 0)
    }

    @Test(
        "ends a half-closed silent pair after the fin timeout, with RST", arguments: EngineKind.allCases, Side.allCases)
    func finTimeout(engine: EngineKind, side: Side) throws {
        let pair = try Pair(engine) { $0.timeouts.finMillis = 200 }
        let began = Clock.nowMillis()
        pair.end(of: side).sendFin()
        expectReset(pair.end(of: side))
        let took = Clock.nowMillis() - began
        #expect(took >= 190 && took < 20_000)
        #expect(eventually { pair.isGone && pair.server.board[.finTimeout] == 1 })
    }

    @Test("ends an idle pair after the idle timeout, with RST", arguments: EngineKind.allCases)
    func idleTimeout(engine: EngineKind) throws {
        let pair = try Pair(engine) { $0.timeouts.idleMillis = 200 }
        expectReset(pair.client)
        expectReset(pair.far)
        #expect(eventually { pair.isGone && pair.server.board[.idleTimeout] == 1 })
    }

    @Test("holds no pipe while it is silent", arguments: EngineKind.allCases)
    func silent(engine: EngineKind) throws {
        let pair = try Pair(engine) { $0.relay.policy = .splice }
        try pair.client.send([1, 2, 3])
        #expect(try pair.far.receive(3) == [1, 2, 3])
        #expect(eventually { pair.server.board[.pipesBorrowed] == 0 })
        // And it still works.
        try pair.far.send([4, 5])
        #expect(try pair.client.receive(2) == [4, 5])
        #expect(eventually { pair.server.board[.pipeIdleWithdrawals] >= 2 && pair.server.board[.pipesBorrowed] == 0 })
    }

    @Test(
        "delivers everything to a slow reader that had sent FIN itself", arguments: EngineKind.allCases, Side.allCases)
    func slowReader(engine: EngineKind, side: Side) throws {
        // Made before the clock runs: it takes long under a sanitizer.
        let chunk = pattern(1 << 20)
        let pair = try Pair(engine) { $0.timeouts.finMillis = 600 }
        let (sender, reader) = (pair.end(of: side), pair.end(of: side.other))
        reader.sendFin()
        #expect(try sender.receiveToEnd() == [])
        // More than both socket buffers and the pipe take.
        var total = 0
        while (try? sender.send(chunk, within: 100)) != nil { total += chunk.count }
        let before = pair.server.board[.turns]
        for _ in 0..<900 { pause() }
        #expect(pair.server.board[.active] == 1, "longer than the fin timeout, and not cut")
        #expect(pair.server.board[.turns] - before < 300, "no spinning while the reader sleeps")
        let received = try reader.receive(total, within: 10_000)
        #expect(received.count == total)
        #expect(isRepeated(chunk, in: received))
    }

    @Test("delivers urgent bytes in line, and what follows them, without spinning", arguments: EngineKind.allCases)
    func urgent(engine: EngineKind) throws {
        let pair = try Pair(engine)
        try pair.client.send(pattern(100))
        #expect(clinux_send_urgent(pair.client.number, 0x55) == 1)
        try pair.client.send(pattern(200))
        #expect(try pair.far.receive(301) == pattern(100) + [0x55] + pattern(200))
        let before = pair.server.board[.turns]
        for _ in 0..<300 { pause() }
        #expect(pair.server.board[.turns] - before < 100)
    }

    @Test("delivers an urgent byte that is the last before FIN", arguments: EngineKind.allCases)
    func urgentThenFin(engine: EngineKind) throws {
        let pair = try Pair(engine)
        try pair.client.send(pattern(30))
        #expect(clinux_send_urgent(pair.client.number, 0x55) == 1)
        pair.client.sendFin()
        #expect(try pair.far.receiveToEnd() == pattern(30) + [0x55])
    }

    @Test("cuts what is left when it is told to", arguments: EngineKind.allCases)
    func cut(engine: EngineKind) throws {
        let pair = try Pair(engine)
        pair.server.thread.control.give(.drain)
        try pair.client.send([1])
        #expect(try pair.far.receive(1) == [1])
        #expect(!pair.server.thread.hasLeft)
        pair.server.thread.control.give(.cut)
        expectReset(pair.client)
        expectReset(pair.far)
        #expect(eventually { pair.server.thread.hasLeft && pair.server.board[.drainCut] == 1 })
    }

    @Test("resets the client when the upstream refuses", arguments: EngineKind.allCases)
    func refused(engine: EngineKind) throws {
        var gone: TestListener? = try TestListener.loopback()
        let address = try #require(gone).address
        gone = nil
        let server = try TestServer(engine, to: .upstreams([address]))
        let client = try TestSocket.connected(to: server.address)
        expectReset(client)
        #expect(eventually { server.board[.connectRefused] == 1 && server.board[.active] == 0 })
        #expect(server.board.failures(of: 0, .refused) == 1)
    }

    @Test("tries the next upstream when one refuses", arguments: EngineKind.allCases)
    func next(engine: EngineKind) throws {
        var gone: TestListener? = try TestListener.loopback()
        let refusing = try #require(gone).address
        gone = nil
        let upstream = try TestListener.loopback()
        let server = try TestServer(engine, to: .upstreams([refusing, upstream.address]))
        for _ in 0..<4 {
            let client = try TestSocket.connected(to: server.address)
            let far = try upstream.accept()
            try client.send([9])
            #expect(try far.receive(1) == [9])
        }
        #expect(server.board[.connectRefused] == 2)
    }
}
