import Glibc
import Longsplice

/// `leaks uring|epoll [SEED|leave-open]`: makes all kinds of calls, good and bad ones, and looks whether descriptors or threads are
/// left behind. With `leave-open` it leaves one descriptor open itself, and must fail.
@main
enum Leaks {
    /// Calls that are under way at once.
    private static let lines = 8
    /// How often each line makes each kind of call.
    private static let rounds = 2
    /// A call has two pipes at most.
    private static let descriptorsOfPipes = 4

    private static let engine = CommandLine.arguments.dropFirst().first.flatMap(Splicer.Engine.init)
    private static let word = CommandLine.arguments.dropFirst(2).first
    static let seed = word.flatMap { UInt64($0) } ?? UInt64.random(in: 1...999_999)

    static func main() async throws {
        guard let engine else { fail("usage: leaks uring|epoll [SEED|leave-open]") }
        await warmUp()
        await Shortage.ofDescriptors(engine)
        let before = Inventory.taken()
        try await work(engine, before)
        eventually(
            { $0.descriptors == before.descriptors && $0.threads == before.threads },
            { "in the end: \($0.beyond(before))" })
        Shortage.ofThreads(engine)
    }

    private static func work(_ engine: Splicer.Engine, _ before: Inventory) async throws {
        let splicer = try Splicer(workers: 2, engine: engine)
        check(splicer.engine == engine, "it runs on \(splicer.engine)")
        // A thread has its maker's name at first.
        eventually({ $0.ownThreads.count == 2 + 5 }, { "a new splicer: \($0.beyond(before))" })
        let fresh = Inventory.taken()
        let bound = fresh.descriptors.count + lines * descriptorsOfPipes
        for count in 1...2 {
            await batch(splicer)
            let after = Inventory.taken()
            check(after.descriptors.count <= bound, "after batch \(count): \(after.beyond(fresh))")
            eventually({ $0.ownThreads == fresh.ownThreads }, { "after batch \(count): \($0.beyond(fresh))" })
        }
        try await Shortage.ofDescriptors(splicer)
        if word == "leave-open" { _ = dup(0) }
        // Whatever was kept for a while, nothing is left of either batch.
        eventually(
            { $0.descriptors == fresh.descriptors && $0.ownThreads == fresh.ownThreads },
            { "at rest: \($0.beyond(fresh))" })
        let own = fresh.descriptors.count - before.descriptors.count
        print("\(2 * lines * rounds * Call.allCases.count) calls, and \(own) descriptors at rest as before them")
    }

    /// The same calls as ever, in an order of their own in each line.
    private static func batch(_ splicer: Splicer) async {
        await withTaskGroup(of: Void.self) { group in
            for line in 0..<lines {
                group.addTask {
                    var dice = Dice(seed: seed &+ UInt64(line))
                    for _ in 0..<rounds {
                        var calls = Call.allCases
                        while !calls.isEmpty {
                            await calls.remove(at: dice.roll(0...calls.count - 1)).run(splicer, &dice)
                        }
                    }
                }
            }
        }
    }

    /// The language's own threads, timers and descriptors are there before anything is counted.
    private static func warmUp() async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 * lines { group.addTask { await pause() } }
        }
    }
}
