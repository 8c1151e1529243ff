import LinuxCalls
import Synchronization
import Testing

@testable import ControlPlane

@Suite("Looking names up in the background")
struct NameWatchTests {
    private func rules(_ name: String) -> ResolveRules { ResolveRules(name, .a, port: 1) }

    private func message(_ name: String, _ last: UInt8) -> Result<DNSMessage, NameFailure> {
        MessageBytes(question: name, answers: [MessageBytes.a(name, last, ttl: 0)]).message.map { .success($0) }
            ?? .failure(.badAnswer)
    }

    @Test("names whose servers are silent hold up nobody else")
    func silence() throws {
        let released = Semaphore()
        let watch = NameWatch(
            NameLookup(
                ask: { name, _ in
                    if name.hasPrefix("dead") {
                        released.wait()
                        return .failure(.noAnswer)
                    }
                    return message(name, 1)
                }, hosts: { _ in [] }))
        defer {
            watch.stop()
            for _ in 0..<100 { released.post() }
        }
        let dead = (0..<6).map { rules("dead\($0)") }
        let good = (0..<20).map { rules("good\($0)") }
        try watch.follow(Set(dead + good))
        #expect(eventually { good.allSatisfy { watch.servers(of: $0).count == 1 } })
        let started = Clock.nowMillis()
        watch.waitForAll(milliseconds: 50)
        #expect(Clock.nowMillis() - started >= 50 && watch.changes == 20)
        for _ in 0..<6 { released.post() }
        watch.waitForAll(milliseconds: 60_000)
        #expect(watch.statuses.filter { $0.failure == .noAnswer }.count == 6)
    }

    @Test("an answer that is too old is asked for again, and a change is told")
    func renewal() throws {
        let said = Said()
        let watch = NameWatch(
            NameLookup(
                ask: { name, _ in message(name, UInt8(said.last.load(ordering: .relaxed))) }, hosts: { _ in [] }))
        defer { watch.stop() }
        try watch.follow([rules("n")])
        watch.waitForAll(milliseconds: 60_000)
        #expect(watch.changes == 1 && watch.servers(of: rules("n")).map(\.host) == [.ten(1)])
        #expect(eventually { watch.counts.lookups >= 2 } && watch.changes == 1)
        said.last.store(2, ordering: .relaxed)
        #expect(eventually { watch.changes == 2 } && watch.servers(of: rules("n")).map(\.host) == [.ten(2)])
    }

    private final class Said: Sendable { let last = Atomic<Int>(1) }

    @Test("what the system's resolver cannot know is told as such")
    func system() {
        // Nobody may have this top-level domain (RFC 6761); without any name server there is no answer.
        let failure = Result<NameAnswer, NameFailure> { () throws(NameFailure) in
            try NameLookup.system.answer(to: ResolveRules("nobody.invalid.", .a, port: 1))
        }
        #expect(failure == .failure(.noName) || failure == .failure(.noAnswer))
        let local = Result<NameAnswer, NameFailure> { () throws(NameFailure) in
            try NameLookup.system.answer(to: ResolveRules("localhost", .a, port: 1))
        }
        #expect((try? local.get())?.servers.map { "\($0.address)" } == ["127.0.0.1:1"])
    }
}
