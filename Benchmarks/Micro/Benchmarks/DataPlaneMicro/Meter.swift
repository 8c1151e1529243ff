import Benchmark
import CCounts

/// What a loop has cost, in counts: the same on every run, so that one too many is a mistake and no noise.
struct Meter: ~Copyable {
    static let mallocs = BenchmarkMetric.custom("mallocs")
    static let objects = BenchmarkMetric.custom("objects")
    static let retains = BenchmarkMetric.custom("retains")
    static let releases = BenchmarkMetric.custom("releases")
    static let exclusivityChecks = BenchmarkMetric.custom("exclusivityChecks")
    /// What the worker has asked of its engine.
    static let systemCalls = BenchmarkMetric.custom("systemCalls")
    static let intents = BenchmarkMetric.custom("intents")

    static let ofMemory = [mallocs, objects, retains, releases, exclusivityChecks]

    private let benchmark: Benchmark
    /// What the loop is to go over; asked for beforehand, since asking costs a retain.
    let rounds: Range<Int>
    private let before: ccounts

    /// Begins to measure.
    init(_ benchmark: Benchmark) {
        self.benchmark = benchmark
        rounds = benchmark.scaledIterations
        benchmark.startMeasurement()
        before = ccounts_now()
    }

    /// Ends it.
    consuming func stop() {
        let after = ccounts_now()
        benchmark.stopMeasurement()
        benchmark.measurement(Self.mallocs, Int(after.mallocs - before.mallocs))
        benchmark.measurement(Self.objects, Int(after.objects - before.objects))
        benchmark.measurement(Self.retains, Int(after.retains - before.retains))
        benchmark.measurement(Self.releases, Int(after.releases - before.releases))
        benchmark.measurement(Self.exclusivityChecks, Int(after.exclusivity_checks - before.exclusivity_checks))
    }
}

/// Zeros prove something only where the counts can see: each has to move when it is given cause to.
enum Sight {
    private final class Thing { var next: Thing? }

    // Computed at run time and reachable by everybody, so that nothing below can be optimised away.
    nonisolated(unsafe) private static var shelf: [Thing] = []
    nonisolated(unsafe) private static var box = Thing()

    static func prove() {
        let before = ccounts_now()
        handle()
        let after = ccounts_now()
        require(after.mallocs > before.mallocs, "malloc")
        require(after.objects > before.objects, "swift_allocObject")
        require(after.retains > before.retains, "swift_retain")
        require(after.releases > before.releases, "swift_release")
        require(after.exclusivity_checks > before.exclusivity_checks, "swift_beginAccess")
    }

    @inline(never) private static func handle() {
        shelf.append(Thing())
        shelf.append(shelf[0])
        box.next = shelf[1]
        exchange(&box.next)
        shelf.removeAll()
    }

    @inline(never) private static func exchange(_ place: inout Thing?) { place = shelf.last }

    private static func require(_ moved: Bool, _ name: String) {
        precondition(moved, "the benchmarks do not see calls of \(name): their counts would say nothing")
    }
}
