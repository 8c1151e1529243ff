import Benchmark

/// Where the framework begins. No name has a space in it: thresholds are written to a file without them and looked for in one with.
let benchmarks: @Sendable () -> Void = {
    Sight.prove()
    KnotBenchmarks.register()
    PartBenchmarks.register()
    WorkerBenchmarks.register()
}
