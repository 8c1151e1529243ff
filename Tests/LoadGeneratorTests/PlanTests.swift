import Testing

@testable import LoadGenerator

@Suite("A plan")
struct PlanTests {
    @Test("is the same for the same seed and connection, and another one for others")
    func deterministic() {
        for workload in Workload.allCases {
            let recipe = Recipe(workload)
            for id: UInt64 in 0..<50 { #expect(Plan(recipe, seed: 4, id: id) == Plan(recipe, seed: 4, id: id)) }
        }
        let plans = (0..<100).map { Plan(Recipe(.ledger), seed: 4, id: UInt64($0)) }
        let others = (0..<100).map { Plan(Recipe(.ledger), seed: 5, id: UInt64($0)) }
        #expect(zip(plans, others).allSatisfy { $0 != $1 })
        #expect(zip(plans, plans.dropFirst()).allSatisfy { $0 != $1 })
    }

    @Test("is drawn in the proportions that were asked for")
    func proportions() {
        var recipe = Recipe(.ledger)
        recipe.mix = Mix([.both: 6, .resetMid: 3, .silence: 1])
        var counts: [Ending: Int] = [:]
        for id: UInt64 in 0..<10_000 { counts[Plan(recipe, seed: 11, id: id).ending, default: 0] += 1 }
        #expect(Set(counts.keys) == [.both, .resetMid, .silence])
        #expect(abs(counts[.both, default: 0] - 6000) < 300)
        #expect(abs(counts[.resetMid, default: 0] - 3000) < 300)
        #expect(abs(counts[.silence, default: 0] - 1000) < 200)
    }

    @Test("of churn resets a fifth and closes a tenth in mid-operation")
    func churn() {
        var counts: [Ending: Int] = [:]
        for id: UInt64 in 0..<10_000 {
            let plan = Plan(Recipe(.churn), seed: 11, id: id)
            counts[plan.ending, default: 0] += 1
            #expect((1...3).contains(plan.up / plan.turnUp))
        }
        #expect(abs(counts[.resetIdle, default: 0] + counts[.resetMid, default: 0] - 2000) < 250)
        #expect(abs(counts[.closeMid, default: 0] - 1000) < 200)
    }

    @Test("of churn with exact sizes makes one request of just that size")
    func exactChurn() {
        var recipe = Recipe(.churn)
        (recipe.size, recipe.isExact, recipe.mix) = (1, true, Mix([.resetIdle: 1]))
        for id: UInt64 in 0..<200 {
            let plan = Plan(recipe, seed: 5, id: id)
            #expect([plan.up, plan.down, plan.turnUp, plan.turnDown] == [1, 1, 1, 1] && plan.actor == .client)
            let play = ScriptPlay(plan, seed: id)
            play.run()
            #expect(play.hasEnded && play.progress[0].received == 1 && play.progress[1].received == 1)
        }
    }

    @Test("has about as many bytes as were asked for, or exactly so many")
    func sizes() {
        var recipe = Recipe(.ledger)
        recipe.size = 10_000
        let sizes = (0..<4000).map { Plan(recipe, seed: 3, id: $0).up }
        let mean = Double(sizes.reduce(0, +)) / Double(sizes.count)
        #expect(abs(mean - 10_000) < 600)
        recipe.isExact = true
        recipe.size = 8 << 30
        let plan = Plan(recipe, seed: 3, id: 0)
        #expect(plan.up == 8 << 30 && plan.down == 8 << 30)
    }

    @Test("draws writes from one byte to one MiB")
    func writes() {
        var sizes: Set<UInt64> = []
        for id: UInt64 in 0..<200 {
            var connection = Connection(.streaming, side: .client, serial: 1, now: 0, patience: 0)
            connection.join(Header(.stream, Recipe(.ledger), seed: 1, id: id), record: 0)
            for _ in 0..<50 {
                connection.drawChunk()
                sizes.insert(connection.chunkLeft)
            }
        }
        #expect(sizes.min() == 1)
        #expect(sizes.max().map { $0 > 900_000 && $0 <= 1 << 20 } == true)
    }

    @Test("comes to its end on both sides, whatever the order of events", arguments: [Workload.ledger, .churn, .idle])
    func noDeadlock(workload: Workload) {
        var recipe = Recipe(workload)
        recipe.size = 100
        if workload != .idle { recipe.mix = Mix(Dictionary(uniqueKeysWithValues: Ending.allCases.map { ($0, 1) })) }
        for id: UInt64 in 0..<3000 {
            let plan = Plan(recipe, seed: 21, id: id)
            let play = ScriptPlay(plan, seed: id)
            play.run()
            #expect(play.hasEnded, "\(plan) stands still at \(play.progress)")
            let verdict = Reconciliation(plan, isLenientAboutReset: false)
                .verdict(client: play.outcome(.client), peer: play.outcome(.peer))
            #expect(verdict.findings.isEmpty, "\(plan): \(verdict.findings)")
        }
    }

    @Test("with one byte each way still comes to its end")
    func smallest() {
        for ending in Ending.allCases {
            var recipe = Recipe(.ledger)
            (recipe.size, recipe.isExact, recipe.mix) = (1, true, Mix([ending: 1]))
            for id: UInt64 in 0..<40 {
                let play = ScriptPlay(Plan(recipe, seed: 1, id: id), seed: id)
                play.run()
                #expect(play.hasEnded, "\(play.plan) stands still at \(play.progress)")
            }
        }
    }

    @Test("without an end goes on until the client stops, and then all that was begun is finished")
    func endless() {
        for flows in Recipe.Flows.allCases {
            var recipe = Recipe(.bulk)
            recipe.flows = flows
            let play = ScriptPlay(Plan(recipe, seed: 1, id: 0), seed: 1)
            play.run(steps: 500)
            #expect(!play.hasEnded)
            play.stop()
            play.run()
            #expect(play.hasEnded)
            #expect(play.progress[0].sent == play.progress[1].received)
            #expect(play.progress[1].sent == play.progress[0].received)
            #expect((play.progress[0].sent > 0) == (flows != .down) && (play.progress[1].sent > 0) == (flows != .up))
        }
        let play = ScriptPlay(Plan(Recipe(.pingpong), seed: 1, id: 0), seed: 1)
        play.run(steps: 501)
        play.stop()
        play.run()
        #expect(play.hasEnded && play.progress[0].sent % 64 == 0)
        #expect(play.progress[0].sent == play.progress[1].sent && play.progress[0].sent == play.progress[0].received)
    }
}
