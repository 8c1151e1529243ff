extension RunReport {
    /// Every figure, on one line.
    package var json: String {
        var json = JSONText()
        json.object { json in
            json.field("ok", isOK)
            writeParameters(&json)
            writeCounts(&json)
            writeLatency(&json)
            writeVerdict(&json)
            json.array("warnings") { for warning in warnings { $0.field(nil, warning) } }
        }
        return json.text
    }

    private func writeParameters(_ json: inout JSONText) {
        let recipe = settings.recipe
        json.field("workload", recipe.workload.name)
        json.field("seed", settings.seed)
        json.object("parameters") { json in
            json.array("targets") { for target in settings.targets { $0.field(nil, "\(target)") } }
            json.field("sources", settings.sources.count)
            json.field("connections", settings.connections)
            json.field("size", recipe.size)
            json.field("exact", recipe.isExact)
            json.field("direction", "\(recipe.flows)")
            json.field("threads", settings.threads)
            json.field("patience_ms", UInt64(recipe.patienceMillis))
            json.field("lenient_reset", settings.isLenientAboutReset)
            settings.durationNanoseconds.map { json.field("duration_s", Double($0) / 1e9) } ?? json.null("duration_s")
            json.field("warm_up_s", Double(settings.warmUpNanoseconds) / 1e9)
            settings.total.map { json.field("total", $0) } ?? json.null("total")
            settings.rate.map { json.field("rate", $0) } ?? json.null("rate")
            settings.only.map { json.field("only", $0) } ?? json.null("only")
            json.object("plans") { for ending in Ending.allCases { $0.field(ending.name, UInt64(recipe.mix[ending])) } }
        }
    }

    private func writeCounts(_ json: inout JSONText) {
        json.field("seconds", seconds)
        json.field("interrupted", wasInterrupted)
        json.object("connections") { json in
            json.field("opened", opened)
            json.field("finished", finished)
            json.field("per_second", per(finished))
            json.field("opens_postponed", opensPostponed)
            json.object("ends") { for end in Outcome.End.allCases { $0.field("\(end)", ends[Int(end.rawValue)]) } }
        }
        json.object("bytes") { json in
            json.field("up", bytesUp)
            json.field("down", bytesDown)
            json.field("per_second", per(bytes))
        }
        json.object("requests") { json in
            json.field("answered", turns)
            json.field("per_second", per(turns))
        }
        json.object("measured") { json in
            json.field("seconds", measuredSeconds)
            json.field("requests", turnsMeasured)
            json.field("requests_per_second", perMeasured(turnsMeasured))
            json.field("connections", finishedMeasured)
            json.field("connections_per_second", perMeasured(finishedMeasured))
        }
        json.object("processor") { json in
            json.field("seconds", processorSeconds)
            json.field("busiest_thread", busy)
            peerProcessorSeconds.map { json.field("peer_seconds", $0) } ?? json.null("peer_seconds")
            peerBusy.map { json.field("peer_busiest_thread", $0) } ?? json.null("peer_busiest_thread")
        }
    }

    private func writeLatency(_ json: inout JSONText) {
        json.object("latency_us") { json in
            json.field("count", latencies.count)
            for percentile in Latencies.percentiles {
                json.field(percentile.name, Double(latencies.nanoseconds(at: percentile.value)) / 1e3)
            }
            json.field("max", Double(latencies.maxNanoseconds) / 1e3)
            json.field("mean", latencies.meanNanoseconds / 1e3)
        }
    }

    private func writeVerdict(_ json: inout JSONText) {
        json.object("reconciled") { json in
            json.field("connections", reconciledCount)
            json.field("unknown_to_peer_as_planned", unknownAllowed)
            json.field("reset_became_fin", resetsBecameFin)
            json.object("plans") {
                for ending in Ending.allCases { $0.field(ending.name, reconciled[Int(ending.rawValue)]) }
            }
        }
        strangers.map { json.field("strangers", $0) } ?? json.null("strangers")
        peerTrouble.map { json.field("peer_trouble", $0) } ?? json.null("peer_trouble")
        json.field("violation_count", violationCount)
        json.object("violation_kinds") { json in
            for kind in Violation.Kind.allCases where violationCounts[Int(kind.rawValue)] > 0 {
                json.field(kind.name, violationCounts[Int(kind.rawValue)])
            }
        }
        json.array("violations") { for violation in violations { write(violation, &$0) } }
    }

    private func write(_ violation: Violation, _ json: inout JSONText) {
        json.object { json in
            json.field("kind", violation.kind.name)
            json.field("connection", violation.id)
            json.field("plan", plan(of: violation.id).ending.name)
            json.field("seen_by", violation.side.name)
            json.field("direction", violation.direction.name)
            json.field("offset", violation.offset)
            json.field("expected", UInt64(violation.expected))
            json.field("got", UInt64(violation.got))
            json.field("sent", violation.sent)
            json.field("received", violation.received)
            json.field("text", "\(violation)")
        }
    }

    func per(_ count: UInt64) -> Double { seconds > 0 ? Double(count) / seconds : 0 }
    func perMeasured(_ count: UInt64) -> Double { measuredSeconds > 0 ? Double(count) / measuredSeconds : 0 }
}
