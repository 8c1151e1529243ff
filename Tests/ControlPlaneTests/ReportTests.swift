import DataPlane
import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("Reports")
struct ReportTests {
    @Test(
        "counters have snake-case names",
        arguments: [
            ("accepted", "accepted"), ("bytesUp", "bytes_up"), ("acceptShortOfMemory", "accept_short_of_memory"),
        ])
    func names(swift: String, shown: String) {
        #expect(Totals.snakeCase(swift) == shown)
    }

    @Test("every counter has a name of its own, and so have the gauges")
    func allNames() {
        let names = Totals([]).named.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.count == Counter.count + 4)
        #expect(names.suffix(4) == ["active", "pipes_open", "pipes_borrowed", "waiting"])
    }

    @Test(
        "decimals are rounded half up and keep their zeros",
        arguments: [
            (0, 1, 3, "0.000"), (1, 3, 3, "0.333"), (2, 3, 3, "0.667"), (1, 2, 0, "1"), (10, 4, 1, "2.5"),
            (1_999, 1_000, 1, "2.0"), (5, 100, 1, "0.1"), (.max, 1, 3, "18446744073709551615"),
        ] as [(UInt64, UInt64, Int, String)])
    func decimals(numerator: UInt64, denominator: UInt64, digits: Int, text: String) {
        #expect(Decimal.text(numerator, over: denominator, digits: digits) == text)
    }

    @Test("rates are those of the interval")
    func rates() {
        var before = Totals([])
        before[.accepted] = 100
        before[.bytesUp] = 1_000
        before[.connectRefused] = 5
        var after = before
        after[.accepted] = 350
        after[.bytesUp] = 1_000 + 1_250_000_000
        after[.connectRefused] = 7
        after[.active] = 42
        let values = Rates(from: before, to: after, milliseconds: 2_000).metadata.mapValues(\.description)
        #expect(values["accepted_per_s"] == "125.0")
        #expect(values["up_gbps"] == "5.000")
        #expect(values["down_gbps"] == "0.000")
        #expect(values["connects_failed"] == "2")
        #expect(values["active"] == "42")
    }

    @Test("statistics keep their rhythm when a look comes late")
    func rhythm() {
        var statistics = Statistics(everyMillis: 100, from: Totals([]), at: 1_000)
        #expect(statistics.rates(Totals([]), at: 1_099) == nil)
        #expect(statistics.rates(Totals([]), at: 1_130) != nil)
        #expect(statistics.nextAtMillis == 1_200)
        #expect(statistics.rates(Totals([]), at: 1_450) != nil)
        #expect(statistics.nextAtMillis == 1_500)
    }

    @Test("a drain is cut at its timeout, stopped after the grace, and given up after another")
    func drain() {
        var drain = Drain(startedAtMillis: 0, timeoutMillis: 1_000)
        #expect(drain.order(at: 999) == nil)
        #expect(drain.order(at: 1_000) == .cut)
        #expect(drain.order(at: 1_001) == nil)
        #expect(drain.order(at: 3_000) == .stop)
        #expect(drain.order(at: 9_000) == nil)
        #expect(!drain.isHopeless(at: 4_999) && drain.isHopeless(at: 5_000))
    }
}

@Suite("Troubles")
struct TroublesTests {
    private let upstreams = [80, 81].compactMap { SocketAddress(numeric: "10.0.0.1", port: $0) }

    @Test("nothing is said where nothing went wrong")
    func silence() {
        var troubles = Troubles(upstreams: upstreams)
        let sentence = troubles.sentence(
            Totals([]),
            {
                Issue.record("asked for without need")
                return ConnectFailures(upstreamCount: 2)
            }, seconds: 1)
        #expect(sentence == nil)
    }

    @Test("failures of a server that had the number before are nobody's")
    func otherServers() {
        var all = ConnectFailures(upstreamCount: 2)
        all[0, .refused] = 5
        all[1, .refused] = 7
        var former = ConnectFailures(upstreamCount: 0)
        former.remember(1, of: all)
        let told = all
        all[1, .refused] = 9
        all.leaveOut(former)
        #expect(all[0, .refused] == 5 && all[1, .refused] == 2)
        #expect(all.added(since: told) == [.init(upstream: 1, cause: .refused, count: 2)])
        #expect(all.added(since: ConnectFailures(upstreamCount: 1)).count == 2)
    }

    @Test("failed connects are told by upstream and cause, once")
    func connects() {
        var troubles = Troubles(upstreams: upstreams)
        var failures = ConnectFailures(upstreamCount: 2)
        failures[0, .refused] = 1
        failures[1, .timedOut] = 17
        var totals = Totals([])
        totals[.connectRefused] = 1
        totals[.connectTimedOut] = 17
        #expect(
            troubles.sentence(totals, { failures }, seconds: 1)
                == "upstream 10.0.0.1:81: 17 connects timed out; upstream 10.0.0.1:80: 1 connect refused in the last 1 s"
        )
        #expect(troubles.sentence(totals, { failures }, seconds: 1) == nil)
    }

    @Test("the access log's trouble comes first, and what was dropped and refused is counted")
    func accessLog() {
        var troubles = Troubles(upstreams: upstreams)
        var totals = Totals([])
        totals[.recordsDropped] = 12
        totals[.refusedPerClient] = 1
        #expect(
            troubles.sentence(
                totals, { ConnectFailures(upstreamCount: 2) }, accessLog: "the access log - takes nothing", seconds: 1)
                == "the access log - takes nothing; a connection above --max-connections-per-client was reset once; "
                + "the access log was behind and a record was dropped 12 times in the last 1 s")
        #expect(troubles.sentence(totals, { ConnectFailures(upstreamCount: 2) }, seconds: 1) == nil)
    }

    @Test("shortages are told beside them, and what is too much is counted")
    func shortages() {
        var troubles = Troubles(upstreams: upstreams)
        var totals = Totals([])
        totals[.acceptShortOfDescriptors] = 1
        totals[.acceptPausedAtLimit] = 3
        #expect(
            troubles.sentence(totals, { ConnectFailures(upstreamCount: 2) }, seconds: 2)
                == "accepting waited for descriptors (RLIMIT_NOFILE) once; accepting paused at --max-connections 3 times in the last 2 s"
        )
        for counter in [Counter.acceptShortOfMemory, .acceptFailedOtherwise, .pipesUnavailable, .refusedAtLimit] {
            totals[counter] = 9
        }
        totals[.completionsDropped] = 1
        let sentence = troubles.sentence(totals, { ConnectFailures(upstreamCount: 2) }, seconds: 1)
        #expect(sentence?.hasSuffix("; and 1 other trouble in the last 1 s") == true)
    }
}
