import LinuxCalls
import TestSupport
import Testing

@testable import DataPlane

@Suite("Whom a worker counts connections for, by script")
struct WorkerCountingTests {
    private func address(_ text: String) throws -> SocketAddress {
        try #require(SocketAddress(numeric: text, port: 40_000))
    }

    private func set(_ limits: ListenerLimits, after former: PoolSet? = nil) throws -> PoolSet {
        var listener = ListenerSettings(pool: 0)
        listener.limits = limits
        var server = ServerSettings(try address("127.0.0.1"))
        server.number = 0
        return PoolSet([PoolSettings([server])], listeners: [listener], states: former?.states)
    }

    /// A worker whose configuration may change.
    private func bench(_ limits: ListenerLimits, clients: [String] = []) throws -> ScriptedWorker {
        let set = try set(limits)
        let bench = try ScriptedWorker {
            $0.target = .pools(set)
            $0.isChangeable = true
        }
        bench.script.clients = try clients.map(address)
        return bench
    }

    private func bounded(_ connections: Int, after former: ListenerLimits? = nil) -> ListenerLimits {
        ListenerLimits(clients: ClientTable(connectionsMax: connections, clients: 16), continuing: former)
    }

    private func settle(_ bench: inout ScriptedWorker) {
        bench.order(.cut)
        for _ in 0..<4 { bench.worker.turn() }
    }

    @Test("a listener's connections are counted without a record or a look at their clients")
    func listener() throws {
        let limits = ListenerLimits(connectionsMax: 2)
        var bench = try bench(limits)
        try bench.tie()
        try bench.tie()
        try bench.accept()
        let hasRecord = bench.worker.record(of: 0) != nil
        #expect(limits.current == 2 && bench.count(.refusedAtListenerLimit) == 1 && !hasRecord)
        #expect(bench.script.clientsAsked == 0)
        settle(&bench)
        #expect(limits.current == 0 && bench.script.breaches.isEmpty)
    }

    @Test("a client is counted by the address it came from, without a record, and asked only once")
    func client() throws {
        let limits = bounded(1)
        var bench = try bench(limits, clients: ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2"])
        for _ in 0..<4 { try bench.accept() }
        let hasRecord = bench.worker.record(of: 0) != nil
        #expect(limits.current == 2 && bench.count(.refusedPerClientOfListener) == 2 && !hasRecord)
        #expect(bench.script.clientsAsked == 4)
        settle(&bench)
        let (a, b) = (try address("192.0.2.1"), try address("192.0.2.2"))
        let gate = limits.gate
        #expect(limits.current == 0 && gate.enter(ClientKey(a), at: 0) == nil && gate.enter(ClientKey(b), at: 0) == nil)
    }

    @Test("a bound for clients that comes with a change counts those who come after it, and no others")
    func later() throws {
        let first = ListenerLimits()
        var bench = try bench(first, clients: ["192.0.2.1"])
        let former = bench.worker.poolSet
        try bench.tie()
        let second = bounded(1, after: first)
        bench.control.hand(WorkerControl.Change(try set(second, after: former)))
        bench.ringBell()
        try bench.tie()
        try bench.accept()
        #expect(second.current == 2 && bench.count(.refusedPerClientOfListener) == 1)
        settle(&bench)
        let client = ClientKey(try address("192.0.2.1"))
        #expect(second.current == 0 && second.gate.enter(client, at: 0) == nil)
        #expect(second.gate.enter(client, at: 0) == .tooManyOfClient)
    }
}
