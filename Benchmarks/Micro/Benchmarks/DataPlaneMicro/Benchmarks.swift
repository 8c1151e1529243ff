import Benchmark

/// Where the framework begins.
let benchmarks: @Sendable () -> Void = {
    Sight.prove()
    KnotBenchmarks.register()
    PartBenchmarks.register()
    WorkerBenchmarks.register()
}
