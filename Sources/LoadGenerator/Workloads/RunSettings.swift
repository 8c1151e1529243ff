import LinuxCalls

/// A run: what is done, how much of it, and where to.
package struct RunSettings: Sendable {
    package var recipe: Recipe
    package var seed: UInt64
    /// Connections take turns among them.
    package var targets: [SocketAddress]
    /// Local addresses to bind to, in turns; empty leaves the choice to the kernel.
    package var sources: [SocketAddress] = []
    /// At a time.
    package var connections: Int
    /// New ones are opened, or requests sent, for so long after the warm-up; nil until `total` is reached.
    package var durationNanoseconds: Int64?
    /// What happens so long after the start is checked and not measured (pingpong, churn).
    package var warmUpNanoseconds: Int64 = 0
    /// Connections in all; nil where the time decides.
    package var total: UInt64?
    /// Opens each second (ledger, churn) or requests each second (pingpong), whatever the answers do; nil for as fast as it goes.
    package var rate: Double?
    package var threads = 1
    /// Nothing but this connection of the run.
    package var only: UInt64?
    /// RST that arrives as FIN is counted and no violation.
    package var isLenientAboutReset = false

    package init(_ recipe: Recipe, seed: UInt64, targets: [SocketAddress]) {
        self.recipe = recipe
        self.seed = seed
        self.targets = targets
        connections = recipe.workload.connectionsByDefault
    }

    /// Opened in the end, as far as it is known before.
    var openTotal: UInt64 {
        if only != nil { return 1 }
        switch recipe.workload {
        case .ledger, .churn: return min(total ?? Ledger.idsMax, Ledger.idsMax)
        case .bulk, .pingpong, .idle: return min(UInt64(connections), Ledger.idsMax)
        }
    }

    /// So long after the start an idle connection is used again.
    var idleNanoseconds: Int64 { recipe.workload == .idle ? durationNanoseconds ?? 0 : 0 }

    /// The header's recipe: the peer is to bear the silence that the workload wants.
    var wireRecipe: Recipe {
        var recipe = recipe
        let more = idleNanoseconds / 1_000_000 + requestIntervalNanoseconds / 1_000_000
        recipe.patienceMillis = UInt32(min(Int64(Recipe.patienceMillisMax), Int64(recipe.patienceMillis) + more))
        return recipe
    }

    /// Between two requests of one connection; 0 for the next one at once.
    var requestIntervalNanoseconds: Int64 {
        guard recipe.workload == .pingpong, let rate, rate > 0 else { return 0 }
        return Int64(min(1e9 * Double(connections) / rate, 86_400e9))
    }
}
