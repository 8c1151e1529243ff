import Glibc
import Longsplice

/// What a splicer does when there is too little of something for itself.
enum Shortage {
    /// Runs `body` with so many descriptors to be had and no more.
    static func leaving<T>(_ spare: Int, _ body: () async throws -> T) async rethrows -> T {
        var usual = rlimit()
        check(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &usual) == 0, "getrlimit")
        let highest = Int(Inventory.taken().descriptors.keys.max() ?? 0)
        var few = rlimit(rlim_cur: rlim_t(highest + 1 + spare), rlim_max: usual.rlim_max)
        check(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &few) == 0, "setrlimit")
        var stoppers: [Int32] = []
        while case let stopper = dup(0), stopper >= 0 { stoppers.append(stopper) }
        for stopper in stoppers.suffix(spare) { close(stopper) }
        defer {
            for stopper in stoppers.dropLast(spare) { close(stopper) }
            check(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &usual) == 0, "setrlimit")
        }
        return try await body()
    }

    /// A splicer is made, or says EMFILE: at each of its descriptors, those of its trial of io_uring among them.
    static func ofDescriptors(_ engine: Splicer.Engine) async {
        let before = Inventory.taken()
        var failures = 0
        for spare in 0... {
            let isMade = await leaving(spare) {
                do throws(SpliceError) {
                    return try Splicer(workers: 2, engine: engine).engine == engine
                } catch {
                    check(
                        error.reason == .noDescriptors && error.errno == EMFILE,
                        "with \(spare) descriptors: \(error.reason), errno \(error.errno): \(error)")
                    return false
                }
            }
            let after = Inventory.taken()
            check(after.descriptors == before.descriptors, "with \(spare) descriptors: \(after.beyond(before))")
            if isMade { break }
            failures += 1
            check(failures < 64, "a splicer takes \(failures) descriptors")
        }
        check(failures >= 5, "a splicer was made with \(failures) descriptors")
        eventually({ $0.threads == before.threads }, { "too few descriptors: \($0.beyond(before))" })
        print("too few descriptors \(failures) times, and EMFILE each time")
    }

    /// A splicer is made, or says EAGAIN: at each of its threads. To the superuser no bound applies, so this process is somebody else
    /// from here on, who has nothing else running (RLIMIT_NPROC, getrlimit(2)).
    static func ofThreads(_ engine: Splicer.Engine) {
        guard geteuid() == 0 else { return print("too few threads: not tried, since it wants the superuser") }
        check(setuid(64_999) == 0, "setuid")
        let before = Inventory.taken()
        var usual = rlimit()
        check(getrlimit(__rlimit_resource_t(__RLIMIT_NPROC.rawValue), &usual) == 0, "getrlimit")
        var failures = 0
        for spare in 0... {
            var few = rlimit(rlim_cur: rlim_t(Inventory.allThreads + spare), rlim_max: usual.rlim_max)
            check(setrlimit(__rlimit_resource_t(__RLIMIT_NPROC.rawValue), &few) == 0, "setrlimit")
            do throws(SpliceError) {
                _ = try Splicer(workers: 2, engine: engine)
                break
            } catch {
                check(error.reason == .system && error.errno == EAGAIN, "with \(spare) threads: \(error)")
            }
            failures += 1
            eventually(
                { $0.threads == before.threads && $0.descriptors == before.descriptors },
                { "with \(spare) threads: \($0.beyond(before))" })
            check(failures < 64, "a splicer takes \(failures) threads")
        }
        check(failures >= 1, "a splicer was made with \(failures) threads")
        print("too few threads \(failures) times, and EAGAIN each time")
    }

    /// A call that has no descriptor for a duplicate is refused, and one that has none for a pipe goes on without.
    static func ofDescriptors(_ splicer: Splicer) async throws {
        let scene = Scene(.unix)
        defer { withExtendedLifetime(scene) {} }
        for spare in 0...1 {
            // Nobody has read it, so it is not sent at once, for which no duplicate would be needed.
            let file = Files.hole(10)
            defer { withExtendedLifetime(file) {} }
            await leaving(spare) {
                await Call.refuses(.noDescriptors) { try await splicer.splice(scene.first.lent, scene.second.lent) }
                await Call.refuses(.noDescriptors) { try await splicer.sendfile(file.lent, to: scene.first.lent) }
            }
        }
        let told = scene.near.tell(100_000)
        scene.near.finish()
        scene.far.finish()
        let outcome = try await leaving(2) { try await splicer.splice(scene.first.lent, scene.second.lent) }
        check(outcome.ending == .finished && outcome.bytesToSecond == told, "without a pipe: \(outcome)")
    }
}
