import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

/// Two workers of one group over a script each, taken turn by turn.
@Suite("Two workers of a group")
struct WorkerPlacementTests {
    /// What both have in common.
    private final class Group {
        let placement = Placement(workers: 2)
        let connections = ConnectionCount()
        let queues: [RecordQueue]

        init() throws { queues = try (0..<2).map { _ in RecordQueue(try OutBell(), capacity: 64) } }

        func worker(_ index: Int, _ change: (inout WorkerSettings) -> Void = { _ in }) throws -> ScriptedWorker {
            try ScriptedWorker(connections: connections) {
                $0.placement = placement
                $0.index = index
                $0.records = queues[index]
                change(&$0)
            }
        }

        func records(_ index: Int) -> [ConnectionRecord] {
            var all: [ConnectionRecord] = []
            _ = queues[index].take(atMost: .max) { all.append(copy $0) }
            return all
        }

        var loads: [Int] { [placement.loads[0], placement.loads[1]] }
    }

    private func settle(_ bench: inout ScriptedWorker, turns: Int = 4) { for _ in 0..<turns { bench.worker.turn() } }

    @Test("share what one of them accepts, and each counts and records whom it serves")
    func share() throws {
        let group = try Group()
        var first = try group.worker(0)
        var second = try group.worker(1)
        for _ in 0..<4 { try first.accept() }
        #expect(first.count(.accepted) == 2 && first.count(.handedOver) == 2 && first.count(.takenOver) == 0)
        #expect(second.count(.accepted) == 0 && group.loads == [2, 2] && group.connections.current == 4)
        // The second one is asleep: its bell has rung.
        #expect(clinux_event_clear(second.control.bell) == 1)
        second.worker.turn()
        #expect(second.count(.accepted) == 2 && second.count(.takenOver) == 2)
        #expect(second.script.open.count { $0.intent == .connect } == 2)
        for index in 0..<2 {
            let active = index == 0 ? first.worker.table.count : second.worker.table.count
            #expect(active == 2)
        }
        first.order(.cut)
        second.order(.cut)
        settle(&first)
        settle(&second)
        #expect(group.records(0).map(\.worker) == [0, 0] && group.records(1).map(\.worker) == [1, 1])
        #expect(group.loads == [0, 0] && group.connections.current == 0)
        #expect(first.script.breaches == [] && second.script.breaches == [])
    }

    @Test("tell the time from the accept, wherever a client is served")
    func time() throws {
        let group = try Group()
        var first = try group.worker(0)
        var second = try group.worker(1)
        try first.accept()
        let before = clinux_wall_milliseconds()
        try first.accept()
        let after = clinux_wall_milliseconds()
        for _ in 0..<60 { pause() }
        second.worker.turn()
        second.order(.cut)
        settle(&second)
        let record = try #require(group.records(1).first)
        #expect(record.totalMillis >= 60)
        // Two clocks, each cut off to milliseconds.
        #expect((before - 3...after + 3).contains(record.acceptedAtWallMillis))
    }

    @Test("are paused at the limit for all, whoever serves")
    func limit() throws {
        let group = try Group()
        var first = try group.worker(0) { $0.connectionsMax = 2 }
        var second = try group.worker(1) { $0.connectionsMax = 2 }
        for _ in 0..<2 { try first.accept() }
        second.worker.turn()
        settle(&first)
        settle(&second)
        for isArmed in [
            first.script.open.contains { $0.intent == .accept }, second.script.open.contains { $0.intent == .accept },
        ] {
            #expect(!isArmed)
        }
        #expect(group.loads == [1, 1] && first.count(.handedOver) == 1)
        #expect(first.count(.acceptPausedAtLimit) == 1 && second.count(.acceptPausedAtLimit) == 1)
    }

    @Test(
        "hand nothing to one that leaves, which serves what it was handed before",
        arguments: [WorkerControl.Order.drain, .cut])
    func leave(order: WorkerControl.Order) throws {
        let group = try Group()
        var first = try group.worker(0)
        var second = try group.worker(1)
        for _ in 0..<4 { try first.accept() }
        second.order(order)
        #expect(second.count(.takenOver) == 2 && second.count(.accepted) == 2)
        for _ in 0..<4 { try first.accept() }
        #expect(first.count(.handedOver) == 2 && first.count(.accepted) == 6)
        settle(&second)
        let active = second.worker.table.count
        #expect(active == (order == .drain ? 2 : 0))
        if order == .drain { second.order(.cut) }
        settle(&second)
        let isDone = second.worker.isDone
        #expect(isDone && group.records(1).map(\.end) == [.drain, .drain])
        #expect(group.loads == [6, 0] && group.connections.current == 6)
    }

    @Test("reset what one of them was handed before it was stopped, with a record each")
    func stop() throws {
        let group = try Group()
        var first = try group.worker(0)
        var second = try group.worker(1)
        for _ in 0..<4 { try first.accept() }
        second.order(.stop)
        second.worker.run()
        #expect(second.count(.takenOver) == 2 && second.count(.accepted) == 2)
        #expect(group.records(1).map(\.end) == [.stopped, .stopped])
        #expect(group.loads == [2, 0] && group.connections.current == 2)
        // The second and the fourth were handed over.
        for index in [1, 3] { #expect(try first.clients[index].receiveToEnd() == []) }
    }

    @Test("keep their own clients while descriptors are short, so that each finds out by itself")
    func shortage() throws {
        let group = try Group()
        var first = try group.worker(0)
        var second = try group.worker(1)
        for _ in 0..<2 { try first.accept() }
        second.script.socketFailures = [Errno.tooManyInProcess]
        second.worker.turn()
        #expect(second.count(.cutForShortage) == 1 && group.loads == [1, 0])
        for _ in 0..<3 { try first.accept() }
        #expect(first.count(.handedOver) == 1 && first.count(.accepted) == 4)
        #expect(group.loads == [4, 0])
    }

    @Test("refuse a client above its bound where it is served")
    func perClient() throws {
        let group = try Group()
        let clients = ClientTable(connectionsMax: 1, clients: 10)
        var first = try group.worker(0) { $0.clients = clients }
        var second = try group.worker(1) { $0.clients = clients }
        let address = try #require(SocketAddress(numeric: "10.0.0.1", port: 5))
        first.script.clients = [address]
        second.script.clients = [address]
        for _ in 0..<2 { try first.accept() }
        second.worker.turn()
        #expect(first.count(.accepted) == 1 && second.count(.refusedPerClient) == 1 && second.count(.closed) == 1)
        #expect(group.loads == [1, 0] && group.connections.current == 1)
        #expect(group.records(1).map(\.end) == [.limit])
    }
}
