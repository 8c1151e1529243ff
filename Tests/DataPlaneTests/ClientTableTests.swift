import CLinux
import LinuxCalls
import Testing

@testable import DataPlane

@Suite("The table of clients")
struct ClientTableTests {
    private func key(_ host: String, port: UInt16 = 1) throws -> ClientKey {
        let address = try #require(SocketAddress(numeric: host, port: port))
        return try #require(ClientKey(address))
    }

    @Test("counts IPv4 clients by address and IPv6 clients by /64, whatever their port")
    func keys() throws {
        #expect(try key("192.0.2.1", port: 1) == key("192.0.2.1", port: 2))
        #expect(try key("192.0.2.1") != key("192.0.2.2"))
        #expect(try key("2001:db8:0:1::1") == key("2001:db8:0:1:ffff::9", port: 7))
        #expect(try key("2001:db8:0:1::1") != key("2001:db8:0:2::1"))
        #expect(try key("::") != key("0.0.0.0"))
        let path = try #require(SocketAddress(unixPath: "/tmp/x"))
        #expect(ClientKey(path) == nil)
        #expect(ClientKey(SocketAddress.unknown) == nil)
    }

    @Test("lets a client in up to its limit, and again when it has left")
    func limit() throws {
        let table = ClientTable(connectionsMax: 2, clients: 10)
        let (a, b) = (try key("192.0.2.1"), try key("192.0.2.2"))
        let counts = table.counts
        #expect(counts.enter(a) && counts.enter(a) && !counts.enter(a))
        #expect(counts.enter(b))
        counts.leave(a)
        #expect(counts.enter(a) && !counts.enter(a))
        for key in [a, a, b] { counts.leave(key) }
        #expect(table.clientCount == 0)
    }

    @Test("agrees with a dictionary through many comings and goings", arguments: 1...8 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        var random = SeededRandom(state: seed)
        let table = ClientTable(connectionsMax: 3, clients: 64)
        let counts = table.counts
        var model: [Int: Int] = [:]
        let keys = try (0..<64).map { index in
            try index % 2 == 0 ? key("10.0.0.\(index)") : key("2001:db8:0:\(index)::1")
        }
        for step in 0..<20_000 {
            let index = Int.random(in: 0..<64, using: &random)
            let count = model[index, default: 0]
            if Bool.random(using: &random) {
                let isIn = counts.enter(keys[index])
                #expect(isIn == (count < 3), "seed \(seed), step \(step)")
                if isIn { model[index] = count + 1 }
            } else if count > 0 {
                counts.leave(keys[index])
                model[index] = count == 1 ? nil : count - 1
            }
        }
        #expect(table.clientCount == model.count, "seed \(seed)")
        for (index, count) in model { for _ in 0..<count { counts.leave(keys[index]) } }
        #expect(table.clientCount == 0, "seed \(seed)")
    }

    @Test("keeps its counts when two threads use it at the same time")
    func twoThreads() throws {
        let table = ClientTable(connectionsMax: 1_000, clients: 100)
        let threads = [ClientThread(table, 1), ClientThread(table, 2)]
        for thread in threads { try thread.start() }
        for thread in threads { thread.join() }
        #expect(table.clientCount == 0)
    }
}

/// Lets clients in and out; what two of them do at once has to come to nothing.
private final class ClientThread: @unchecked Sendable {
    private let counts: ClientCounts
    private let table: ClientTable
    private let seed: UInt64
    private var thread: NamedThread?

    init(_ table: ClientTable, _ seed: UInt64) {
        self.table = table
        self.seed = seed
        counts = table.counts
    }

    func start() throws {
        thread = try NamedThread("clients") { self.main() }
    }

    func join() { thread?.join() }

    private func main() {
        var random = SeededRandom(state: seed)
        let keys = (0..<50).compactMap { SocketAddress(numeric: "10.1.0.\($0)", port: 1).flatMap { ClientKey($0) } }
        for _ in 0..<2_000 {
            let chosen = (0..<8).compactMap { _ in keys.randomElement(using: &random) }
            for key in chosen { _ = counts.enter(key) }
            for key in chosen { counts.leave(key) }
        }
    }
}
