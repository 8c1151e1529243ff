import LinuxCalls
import LoadGenerator

/// One of the suite's measurements: what is done, and for how long. All of them together stay under a minute.
struct SuiteStep {
    let workload: Workload
    let seconds: Double
    let connections: Int

    static let all = [
        SuiteStep(workload: .ledger, seconds: 2, connections: 64),
        SuiteStep(workload: .bulk, seconds: 2.5, connections: 2),
        SuiteStep(workload: .pingpong, seconds: 2, connections: 16),
        SuiteStep(workload: .churn, seconds: 2, connections: 32),
        SuiteStep(workload: .idle, seconds: 1.5, connections: 500),
    ]

    func settings(_ target: SocketAddress, seed: UInt64) -> RunSettings {
        var recipe = Recipe(workload)
        recipe.patienceMillis = 5_000
        var settings = RunSettings(recipe, seed: seed, targets: [target])
        settings.connections = connections
        settings.durationNanoseconds = Int64(seconds * 1e9)
        return settings
    }
}
