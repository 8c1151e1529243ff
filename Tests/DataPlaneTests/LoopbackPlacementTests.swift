import CLinux
import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

/// Two workers of one group on their own threads. Only the first one listens, so the second one has what it is handed.
private final class TestGroup {
    let threads: [WorkerThread]
    let address: SocketAddress
    let placement = Placement(workers: 2)
    let connections = ConnectionCount()
    private var hasEnded = false

    init(_ engine: EngineKind, to target: WorkerSettings.Target) throws {
        var settings = WorkerSettings(target: target)
        settings.connectionsMax = 500
        settings.placement = placement
        let listener = try TestListener.loopback()
        address = listener.address
        var made: [WorkerThread] = []
        for index in 0..<2 {
            settings.index = index
            let thread = try WorkerThread(
                settings: settings, engine: engine.choice, connections: connections, processor: nil)
            try thread.start()
            made.append(thread)
        }
        threads = made
        // The first one accepts before the second one serves.
        threads[0].serve([(socket: clinux_duplicate(listener.number), isTCP: true)])
        threads[1].serve([])
    }

    func end(_ order: WorkerControl.Order) {
        guard !hasEnded else { return }
        hasEnded = true
        for thread in threads { thread.control.give(order) }
        for thread in threads { thread.join() }
    }

    deinit { end(.stop) }

    /// A counter of each worker.
    func counts(_ counter: Counter) -> [UInt64] { threads.map { $0.control.board[counter] } }
    var active: [UInt64] { threads.map { $0.control.board[.active] } }
}

@Suite("Two workers of a group on real sockets", .serialized)
struct LoopbackPlacementTests {
    @Test("spread connections evenly, and the one that sleeps is woken for each", arguments: EngineKind.allCases)
    func spread(engine: EngineKind) throws {
        let group = try TestGroup(engine, to: .echo)
        var clients: [TestSocket] = []
        for count in 1...16 {
            let client = try TestSocket.connected(to: group.address)
            try client.send(pattern(3_000, seed: UInt64(count)))
            #expect(try client.receive(3_000) == pattern(3_000, seed: UInt64(count)))
            clients.append(client)
            let expected = [UInt64(count + 1) / 2, UInt64(count) / 2]
            #expect(eventually { group.active == expected }, "\(group.active)")
        }
        #expect(group.counts(.handedOver) == [8, 0] && group.counts(.takenOver) == [0, 8])
        #expect(group.counts(.accepted) == [8, 8])
        // Whoever has room again gets the next one.
        for client in clients.prefix(8) { client.sendFin() }
        #expect(eventually { group.counts(.closed).reduce(0, +) == 8 })
        for client in clients.suffix(8) { client.sendFin() }
        #expect(eventually { group.active == [0, 0] && group.counts(.finished) == [8, 8] })
        #expect(group.placement.loads[0] == 0 && group.placement.loads[1] == 0)
    }

    @Test("lose nobody when both drain in the middle of a rush", arguments: EngineKind.allCases)
    func drain(engine: EngineKind) throws {
        for _ in 0..<5 {
            let group = try TestGroup(engine, to: .echo)
            let clients = try (0..<100).map { index in
                let client = try TestSocket.connected(to: group.address)
                try client.send(pattern(500, seed: UInt64(index)))
                client.sendFin()
                return client
            }
            group.end(.drain)
            for (index, client) in clients.enumerated() {
                #expect(try client.receiveToEnd() == pattern(500, seed: UInt64(index)))
            }
            let handed = group.counts(.handedOver).reduce(0, +)
            #expect(group.counts(.takenOver).reduce(0, +) == handed)
            #expect(group.counts(.accepted).reduce(0, +) == 100 && group.counts(.closed).reduce(0, +) == 100)
            #expect(group.connections.current == 0)
        }
    }
}
