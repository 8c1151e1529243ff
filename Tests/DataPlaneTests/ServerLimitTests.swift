import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

@Suite("A pool whose servers have limits")
struct ServerLimitTests {
    private func pool(_ balance: Balance, backups: Int = 0, eject: EjectRules? = nil) -> PoolSet {
        let servers = (0..<3 + backups).compactMap { index in
            SocketAddress(numeric: "10.0.0.\(1 + index)", port: 80).map { ServerSettings($0, isBackup: index >= 3) }
        }
        var pool = PoolSettings(servers, balance)
        pool.limits = ServerLimits(connections: 2)
        pool.eject = eject
        return PoolSet([pool])
    }

    private let client = SocketAddress(numeric: "192.0.2.1", port: 1)

    /// Connects for as long as there is room; returns each server's connections.
    private func fill(_ set: PoolSet) -> [Int64] {
        var table = PoolTable(set, Timeouts(), worker: 0)
        for _ in 0..<100 {
            guard let server = table.choose(0, client: client, at: 0) else { break }
            let isIn = table.enter(server, 0)
            #expect(isIn, "a full server was chosen")
        }
        return set.servers.indices.map { set.states[$0].connections }
    }

    @Test(
        "fills every server and none beyond its limit, and keeps the backup for those that are down",
        arguments: Balance.allCases)
    func fills(balance: Balance) {
        let set = pool(balance, backups: 1)
        #expect(fill(set) == [2, 2, 2, 0])
        let table = PoolTable(set, Timeouts(), worker: 0)
        #expect(table.hasServers(0) && !table.hasRoom(0, at: 0))
        set.states.goDown(1)
        #expect(fill(set) == [2, 2, 2, 0], "the others will have room again")
        table.count(-1, 2)
        #expect(table.hasRoom(0, at: 0) == true)
        #expect(fill(set) == [2, 2, 2, 0])
        set.states.goDown(0)
        set.states.goDown(2)
        #expect(table.hasRoom(0, at: 0) == true)
        #expect(fill(set) == [2, 2, 2, 2])
        #expect(table.hasServers(0) && !table.hasRoom(0, at: 0))
        set.states.goDown(3)
        #expect(!table.hasServers(0) && !table.hasRoom(0, at: 0))
    }

    @Test("asks nobody who is left out while another one is only full")
    func leftOut() {
        let set = pool(.roundRobin, eject: EjectRules(afterFailures: 1, forMillis: 1_000, atMostPercent: 100))
        let table = PoolTable(set, Timeouts(), worker: 0)
        #expect(table.failed(0, 0, at: 0) && table.failed(1, 0, at: 0))
        #expect(fill(set) == [0, 0, 2])
        #expect(!table.hasRoom(0, at: 0) && table.hasRoom(0, at: 2_000))
        set.states.goDown(2)
        #expect(table.hasRoom(0, at: 0) == true)
        #expect(fill(set) == [2, 2, 2], "where there is nobody else")
    }

    @Test("passes over full servers when another one has failed, and keeps the backup")
    func after() {
        let set = pool(.first, backups: 1)
        let table = PoolTable(set, Timeouts(), worker: 0)
        #expect(table.after(0, first: 0, 0, at: 0) == 1)
        #expect(table.enter(1, 0) && table.enter(1, 0) && !table.enter(1, 0))
        #expect(table.after(0, first: 0, 0, at: 0) == 2)
        #expect(table.enter(2, 0) && table.enter(2, 0))
        #expect(table.after(0, first: 0, 0, at: 0) == nil)
        set.states.goDown(1)
        set.states.goDown(2)
        #expect(table.after(0, first: 0, 0, at: 0) == 3)
    }

    @Test("counts without limits as before")
    func unlimited() {
        let set = PoolSet([PoolSettings(set(of: 1))])
        let table = PoolTable(set, Timeouts(), worker: 0)
        for _ in 0..<1_000 { #expect(table.enter(0, 0) == true) }
        #expect(set.states[0].connections == 1_000 && table.hasRoom(0, at: 0))
    }

    private func set(of count: Int) -> [ServerSettings] {
        (0..<count).compactMap { SocketAddress(numeric: "10.0.0.\(1 + $0)", port: 80).map { ServerSettings($0) } }
    }
}

@Suite("The board of those who wait")
struct QueueBoardTests {
    @Test("bounds a pool's clients over all workers")
    func bound() {
        let board = QueueBoard(workers: 2, pools: 3)
        let (first, second) = (board.side(of: 0), board.side(of: 1))
        #expect(first.enter(2, atMost: 2) && second.enter(2, atMost: 2) && !first.enter(2, atMost: 2))
        #expect(first.waiting(in: 2) == 2 && first.waiting(in: 1) == 0)
        second.leave(2)
        #expect(first.enter(2, atMost: 2) && !first.enter(1, atMost: 0))
    }

    @Test("names the worker whose first client has waited longest, and never the one that asks")
    func longest() {
        let board = QueueBoard(workers: 3, pools: 1)
        let sides = (0..<3).map { board.side(of: $0) }
        for (index, side) in sides.enumerated() { side.open(ringing: Int32(10 + index)) }
        #expect(sides[0].bell(before: .max, 0) == nil)
        sides[1].tell(50, 0)
        sides[2].tell(40, 0)
        #expect(sides[0].bell(before: .max, 0) == 12 && sides[0].bell(before: 41, 0) == 12)
        // Who has waited as long is not overtaken.
        #expect(sides[0].bell(before: 40, 0) == nil)
        #expect(sides[2].bell(before: .max, 0) == 11 && sides[2].bell(before: 40, 0) == nil)
        sides[2].tell(nil, 0)
        #expect(sides[0].bell(before: .max, 0) == 11)
        // The clock may begin at 0.
        sides[2].tell(0, 0)
        #expect(sides[0].bell(before: 1, 0) == 12)
        sides[2].close()
        #expect(sides[0].bell(before: 1, 0) == nil, "it has left")
    }

    @Test("keeps each pool's clients in their order, wherever one leaves")
    func order() throws {
        var table = KnotTable(capacity: 16)
        let board = QueueBoard(workers: 1, pools: 2)
        let side = board.side(of: 0)
        var queues = ClientQueues(board, worker: 0)
        var slots: [UInt32] = []
        for index in 0..<8 {
            let acquired = table.acquire()
            let slot = try #require(acquired)
            table[slot].pointee.pool = UInt16(index % 2)
            #expect(side.enter(UInt16(index % 2), atMost: 4))
            queues.append(slot, in: table)
            slots.append(slot)
        }
        var firsts = [queues.first(of: 0), queues.first(of: 1)]
        var count = queues.count
        #expect(count == 8 && firsts == [slots[0], slots[1]])
        queues.remove(slots[2], in: table)  // in between
        queues.remove(slots[7], in: table)  // the last one
        queues.remove(slots[0], in: table)  // the first one
        firsts = [queues.first(of: 0), queues.first(of: 1)]
        #expect(firsts == [slots[4], slots[1]])
        #expect(side.enter(1, atMost: 4) && !side.enter(1, atMost: 4))
        queues.append(slots[7], in: table)
        var left: [UInt32] = []
        for pool: UInt16 in [0, 1] {
            while let slot = queues.first(of: pool) {
                left.append(slot)
                queues.remove(slot, in: table)
            }
        }
        count = queues.count
        #expect(left == [4, 6, 1, 3, 5, 7].map { slots[$0] } && count == 0)
        #expect(side.waiting(in: 0) == 0 && side.waiting(in: 1) == 0)
    }
}
