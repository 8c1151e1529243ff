import Benchmark

let benchmarks: @Sendable () -> Void = {
    Benchmark("probe", configuration: .init(metrics: [.custom("mallocs")])) { benchmark in
        benchmark.measurement(.custom("mallocs"), 0)
    }
}
