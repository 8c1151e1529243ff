import DataPlane

/// The keys of an item of `pools` that say what becomes of servers and sessions over time.
enum PoolHealthKeys {
    static var health: FileKey<PoolDraft> {
        .rules(
            "health", "Checks the servers, and connects none that is down; nobody is checked where it is not given.",
            rules
        ) { $0.pool.health = HealthRules() }
    }

    static var onDown: FileKey<PoolDraft> {
        let names = OnDown.allCases.map(\.rawValue)
        return .value(
            "on_down", .choice(names), standard: .string(OnDown.keep.rawValue),
            "What becomes of the sessions of a server that goes down by its health checks.",
            parse: { text throws(ValueProblem) in
                guard let choice = OnDown(rawValue: text) else { throw ValueProblem.noChoice(names) }
                return choice
            }, set: { $0.onDown = $1 })
    }

    static var slowStart: FileKey<PoolDraft> {
        .value(
            "slow_start", .time(atLeast: Bounds.shortestTime),
            "How long a server that is back after having been down or left out gets fewer connections; at once if not given.",
            parse: time, set: { $0.slowStart = $1 })
    }

    static var maxLifetime: FileKey<PoolDraft> {
        .section(
            "max_lifetime", "How old a session may become, however busy; as old as it likes if not given.",
            [
                .value(
                    "at_most", .time(atLeast: Bounds.shortestTime), isRequired: true, "Of every session.", parse: time,
                    set: { draft, time in
                        draft.pool.timeouts.lifetimeMillis = time.value
                        if draft.lifetimeJitter == nil { draft.pool.timeouts.lifetimeJitterPercent = jitter }
                    }),
                .value(
                    "jitter", .text(example: "jitter: \(jitter)%"), standard: .string("\(jitter)%"),
                    "Up to so much of it is taken off, of each session another part.",
                    parse: { text throws(ValueProblem) in try Percent.parse(text, from: 0) },
                    set: { draft, percent in
                        draft.lifetimeJitter = Int64(percent.value)
                        draft.pool.timeouts.lifetimeJitterPercent = Int64(percent.value)
                    }),
            ])
    }

    /// Hundredths.
    private static let jitter: Int64 = 10

    private static var rules: [FileKey<PoolDraft>] {
        let rules = HealthRules()
        return [
            .time(
                "interval", atLeast: Bounds.shortestCheckInterval, standard: rules.intervalMillis,
                "From one check of a server to its next."
            ) { $0.healthRules.intervalMillis = $1 },
            .number(
                "rise", Bounds.checksInRow, standard: rules.rise,
                "Checks in a row that have to succeed before it is up."
            ) { $0.healthRules.rise = $1.value },
            .number(
                "fall", Bounds.checksInRow, standard: rules.fall, "Checks in a row that have to fail before it is down."
            ) { $0.healthRules.fall = $1.value },
            .time("timeout", standard: rules.timeoutMillis, "For one check.") { $0.healthRules.timeoutMillis = $1 },
            .value(
                "connect_only", .truth,
                "Whether a connection is enough; it is where neither send nor expect is given.", parse: Truth.parse,
                set: { $0.connectOnly = $1 }),
            .value(
                "send", .text(example: #"send: "PING\r\n""#), "What a server is told.", parse: bytes,
                set: { $0.healthRules.send = $1.value }),
            .value(
                "expect", .text(example: #"expect: "+PONG""#),
                "What has to occur in the first \(HealthRules.answerBytesMax) bytes of its answer.", parse: bytes,
                set: { $0.healthRules.expect = $1.value }),
        ]
    }

    private static func time(_ text: String) throws(ValueProblem) -> Int64 {
        try TimeSpan(text, atLeast: Bounds.shortestTime).milliseconds
    }

    private static func bytes(_ text: String) throws(ValueProblem) -> [UInt8] {
        let bytes = Array(text.utf8)
        guard Bounds.checkText.contains(bytes.count) else {
            throw ValueProblem(
                bytes.isEmpty ? "is empty" : "has \(bytes.count) bytes",
                cure: "write \(Bounds.checkText.lowerBound) to \(Bounds.checkText.upperBound) bytes, or leave it out")
        }
        return bytes
    }
}
