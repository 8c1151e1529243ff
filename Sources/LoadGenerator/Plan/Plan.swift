/// What one connection does, drawn from the run's seed and the connection's number. Both ends draw the same.
package struct Plan: BitwiseCopyable, Equatable, Sendable {
    /// Bytes of the streams; `Plan.endless` for «until the client sends FIN».
    package var up: UInt64 = 0
    package var down: UInt64 = 0
    package var ending: Ending = .both
    /// Who ends it.
    package var actor: Side = .client
    /// Where the actor breaks off, in bytes of its own stream (`resetMid`, `closeMid`).
    package var cut: UInt64 = 0
    /// Bytes of one request and of its answer; 0 where both ways flow freely.
    package var turnUp: UInt64 = 0
    package var turnDown: UInt64 = 0
    /// The client waits for the peer's first byte.
    package var peerFirst = false
    /// Which side reads slowly for a while, if any.
    package var slowReader: Side?
    /// One in so many writes is followed by a pause; 0 for none.
    package var pauseOneIn: UInt8 = 0
    /// The smallest ordinary write; tiny ones are strewn in where `strewsTinyWrites`.
    package var writeMin: UInt64 = 1
    package var writeMax: UInt64 = Self.writeBytesMax
    package var strewsTinyWrites = false

    package static let endless = UInt64.max
    package static let writeBytesMax: UInt64 = 1 << 20

    package var isEndless: Bool { up == Self.endless || down == Self.endless }

    package func bytes(_ direction: Direction) -> UInt64 {
        switch direction {
        case .up: up
        case .down: down
        }
    }

    /// A side may end before it has been told of the other's bytes.
    package var allowsPrefix: Bool {
        switch ending {
        case .resetMid, .closeMid: true
        case .finEarly, .finLate, .both, .resetIdle, .silence: false
        }
    }

    package init() {}

    package init(_ recipe: Recipe, seed: UInt64, id: UInt64) {
        var draw = Draw(seed: seed, id: id, purpose: 1)
        switch recipe.workload {
        case .ledger: self = Self.ledger(recipe, &draw)
        case .churn: self = Self.churn(recipe, &draw)
        case .bulk: self = Self.bulk(recipe)
        case .pingpong: self = Self.turns(recipe, up: Self.endless, down: Self.endless)
        case .idle: self = Self.turns(recipe, up: 2 * recipe.size, down: 2 * recipe.size)
        }
    }
}

extension Plan {
    private static func ledger(_ recipe: Recipe, _ draw: inout Draw) -> Plan {
        var plan = Plan()
        plan.ending = recipe.mix.drawn(&draw)
        plan.actor = draw.oneIn(2) ? .client : .peer
        plan.up = bytes(recipe, &draw)
        plan.down = bytes(recipe, &draw)
        plan.peerFirst = draw.oneIn(8) && plan.down >= 2
        plan.cut = draw.below(plan.bytes(plan.actor.sends))
        plan.slowReader = draw.oneIn(16) ? (draw.oneIn(2) ? .client : .peer) : nil
        plan.pauseOneIn = draw.oneIn(4) ? UInt8(draw.within(8...64)) : 0
        // Sizes of writes are spread over the powers of two, but a stream takes a few hundred writes and no more.
        plan.writeMin = max(1, max(plan.up, plan.down) / 512)
        plan.strewsTinyWrites = draw.oneIn(2)
        return plan
    }

    /// Half the mean to one and a half times, and now and then next to nothing.
    private static func bytes(_ recipe: Recipe, _ draw: inout Draw) -> UInt64 {
        if recipe.isExact { return recipe.size }
        if draw.oneIn(32) { return draw.within(2...8) }
        return max(2, recipe.size / 2 + draw.below(recipe.size + 1))
    }

    /// One to three requests with their answers, or exactly one. Where an ending needs the last word, it is the client's.
    private static func churn(_ recipe: Recipe, _ draw: inout Draw) -> Plan {
        var plan = Plan()
        let turns = recipe.isExact ? 1 : draw.within(1...3)
        plan.writeMin = writeBytesMax
        plan.turnUp = bytes(recipe, &draw)
        plan.turnDown = bytes(recipe, &draw)
        plan.up = plan.turnUp * turns
        plan.down = plan.turnDown * turns
        plan.ending = recipe.mix.drawn(&draw)
        plan.actor = draw.oneIn(2) ? .client : .peer
        switch plan.ending {
        case .finEarly, .resetIdle, .silence: plan.actor = .client
        case .finLate, .both, .resetMid, .closeMid: break
        }
        plan.cut = draw.below(plan.bytes(plan.actor.sends))
        return plan
    }

    private static func bulk(_ recipe: Recipe) -> Plan {
        var plan = Plan()
        let bytes = recipe.size == 0 ? endless : recipe.size
        plan.up = recipe.flows == .down ? 0 : bytes
        plan.down = recipe.flows == .up ? 0 : bytes
        plan.ending = recipe.flows == .both ? .both : .finLate
        plan.actor = recipe.flows == .up ? .peer : .client
        plan.writeMin = 256 << 10
        plan.writeMax = 256 << 10
        return plan
    }

    private static func turns(_ recipe: Recipe, up: UInt64, down: UInt64) -> Plan {
        var plan = Plan()
        plan.writeMin = writeBytesMax
        (plan.up, plan.down) = (up, down)
        (plan.turnUp, plan.turnDown) = (recipe.size, recipe.size)
        (plan.ending, plan.actor) = (.finLate, .peer)
        return plan
    }
}
