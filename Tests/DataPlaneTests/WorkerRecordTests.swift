import CLinux
import LinuxCalls
import Testing

@testable import DataPlane

@Suite("The records of a worker")
struct WorkerRecordTests {
    private func bench(
        upstreams: Int = 1, _ queue: RecordQueue, _ change: (inout WorkerSettings) -> Void = { _ in }
    ) throws -> ScriptedWorker {
        try ScriptedWorker(upstreams: upstreams) {
            $0.records = queue
            $0.index = 3
            change(&$0)
        }
    }

    private func queue(_ capacity: Int = 64) throws -> RecordQueue { RecordQueue(try OutBell(), capacity: capacity) }

    private func records(_ queue: RecordQueue) -> [ConnectionRecord] {
        var all: [ConnectionRecord] = []
        _ = queue.take(atMost: .max) { all.append(copy $0) }
        return all
    }

    private func settle(_ bench: inout ScriptedWorker, turns: Int = 4) { for _ in 0..<turns { bench.worker.turn() } }

    /// One lane's source comes to its end.
    private func finish(_ direction: Direction, _ bench: inout ScriptedWorker) throws {
        bench.wake(direction)
        let move = try #require(bench.script.intent(of: direction))
        bench.script.answer(move, fill: 0, drain: Errno.again)
        settle(&bench)
    }

    @Test("a pair that both have finished tells whose FIN came first, and the bytes", arguments: Side.allCases)
    func fin(side: Side) throws {
        let queue = try queue()
        var bench = try bench(queue)
        try bench.tie()
        for (direction, bytes) in [(Direction.up, Int32(100)), (.down, 250)] {
            bench.wake(direction)
            let move = try #require(bench.script.intent(of: direction))
            bench.script.answer(move, fill: bytes, drain: bytes)
            settle(&bench)
        }
        // The lanes move on: the end is answered to the moves that are out.
        for direction in [side.outgoing, side.other.outgoing] {
            let move = try #require(bench.script.intent(of: direction))
            bench.script.answer(move, fill: 0, drain: Errno.again)
            settle(&bench)
        }
        let all = records(queue)
        let record = try #require(all.first)
        #expect(all.count == 1 && record.end == .fin && record.ender == ConnectionEnder(side))
        #expect(record.bytesUp == 100 && record.bytesDown == 250)
        #expect(record.attempts == 1 && record.upstream == 0 && record.worker == 3 && record.serial == 0)
        #expect(record.connectMillis >= 0 && record.firstByteMillis >= record.connectMillis)
        #expect(record.totalMillis >= record.firstByteMillis)
        #expect(record.acceptedAtWallMillis > 1_600_000_000_000)
        #expect(record.client.isUNIX)
    }

    @Test("a pair whose upstream has said nothing has no first byte")
    func silent() throws {
        let queue = try queue()
        var bench = try bench(queue)
        try bench.tie()
        try finish(.up, &bench)
        try finish(.down, &bench)
        let record = try #require(records(queue).first)
        #expect(record.end == .fin && record.ender == .client && record.firstByteMillis == -1)
        #expect(record.bytesUp == 0 && record.bytesDown == 0)
    }

    @Test(
        "failed connects tell why the last one failed",
        arguments: [
            (Errno.refused, ConnectionEnder.upstream, ConnectionEnd.refused), (Errno.reset, .upstream, .refused),
            (Errno.timedOut, .longsplice, .connectTimeout), (Errno.canceled, .longsplice, .connectTimeout),
            (Errno.hostUnreachable, .upstream, .unreachable), (Errno.networkUnreachable, .upstream, .unreachable),
            (Errno.addressNotAvailable, .longsplice, .noPort), (Errno.noMemory, .longsplice, .systemFailure),
        ])
    func connect(errno: Int32, ender: ConnectionEnder, end: ConnectionEnd) throws {
        let queue = try queue()
        var bench = try bench(upstreams: 2, queue) { $0.index = 0 }
        try bench.accept()
        for answer in [Errno.refused, errno] {
            let connect = try #require(bench.script.open.first { $0.intent == .connect })
            bench.script.answer(connect, .connect, answer)
            bench.worker.turn()
        }
        let record = try #require(records(queue).first)
        #expect(record.ender == ender && record.end == end)
        #expect(record.attempts == 2 && record.upstream == 1 && record.connectMillis == -1)
    }

    @Test("a reset is the doing of the side it came from", arguments: Side.allCases)
    func reset(side: Side) throws {
        let queue = try queue()
        var bench = try bench(queue)
        try bench.tie()
        bench.wake(side.outgoing)
        let move = try #require(bench.script.intent(of: side.outgoing))
        bench.script.answer(move, fill: Errno.reset, drain: Errno.again)
        settle(&bench)
        let record = try #require(records(queue).first)
        #expect(record.end == .reset && record.ender == ConnectionEnder(side))
    }

    @Test("what is cut by a drain and what is left when the worker stops has a record too")
    func leaving() throws {
        let queue = try queue()
        var bench = try bench(queue)
        try bench.tie()
        bench.order(.cut)
        settle(&bench)
        #expect(records(queue).map(\.end) == [.drain])

        // A queue has one worker.
        let second = try self.queue()
        var stopped = try self.bench(second)
        try stopped.tie()
        try stopped.accept()
        stopped.order(.stop)
        stopped.worker.run()
        let all = records(second)
        #expect(all.map(\.end) == [.stopped, .stopped] && all.allSatisfy { $0.ender == .longsplice })
        #expect(all.map(\.attempts) == [1, 1] && all[1].connectMillis == -1)
        #expect(stopped.count(.accepted) == 2 && stopped.count(.records) == 2)
    }

    @Test("a connection above the limit is refused with a record of its own")
    func limit() throws {
        let queue = try queue(1024)
        var bench = try bench(queue) { $0.connectionsMax = 1 }
        let accept = try #require(bench.script.open.first { $0.intent == .accept })
        for _ in 0..<258 {
            var (a, b) = (Int32(-1), Int32(-1))
            _ = try checked(clinux_socket_pair(&a, &b), "socketpair")
            _ = clinux_close(a)
            // As a multishot accept that had answered before it was withdrawn.
            bench.script.answers.append(Completion(tag: accept.tag, result: b, flags: Completion.more))
        }
        settle(&bench)
        let refused = records(queue)
        #expect(bench.count(.refusedAtLimit) == 1 && refused.map(\.end) == [.limit])
        #expect(refused.first?.attempts == 0 && refused.first?.serial == 257)
        bench.order(.stop)
        bench.worker.run()
        #expect(bench.count(.accepted) == 258 && bench.count(.records) == 258)
        #expect(records(queue).count == 257)
    }

    @Test("a client above its bound is refused with a record, others are not, and leaving makes room")
    func perClient() throws {
        let queue = try queue()
        let clients = ClientTable(connectionsMax: 1, clients: 10)
        var bench = try bench(queue) { $0.clients = clients }
        bench.script.clients = ["10.0.0.1", "10.0.0.1", "10.0.0.2"].compactMap { SocketAddress(numeric: $0, port: 5) }
        for _ in 0..<3 { try bench.accept() }
        #expect(bench.count(.refusedPerClient) == 1 && clients.clientCount == 2)
        let refused = records(queue)
        #expect(refused.map(\.end) == [.limit] && refused.map(\.serial) == [1])
        #expect(bench.connections.current == 2)
        bench.order(.cut)
        settle(&bench)
        #expect(clients.clientCount == 0 && bench.connections.current == 0)
        #expect(records(queue).map { "\($0.client)" } == ["10.0.0.1:5", "10.0.0.2:5"])
    }

    @Test("records that find no room are counted, and accepted is what was queued and what was dropped")
    func dropped() throws {
        let queue = try queue(4)
        var bench = try bench(queue)
        for _ in 0..<10 { try bench.tie() }
        bench.order(.cut)
        settle(&bench)
        #expect(bench.count(.records) == 4 && bench.count(.recordsDropped) == 6)
        #expect(bench.count(.accepted) == 10 && queue.dropped == 6 && queue.count == 4)
    }

    @Test("no record is kept where nobody wants one")
    func off() throws {
        var bench = try ScriptedWorker()
        try bench.tie()
        let isKept = bench.worker.record(of: 0) != nil
        bench.order(.cut)
        settle(&bench)
        #expect(!isKept && bench.count(.records) == 0 && bench.count(.recordsDropped) == 0)
    }
}
