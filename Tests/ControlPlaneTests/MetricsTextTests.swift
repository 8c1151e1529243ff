import ControlMessages
import DataPlane
import Testing

@testable import ControlPlane

@Suite("Metrics")
struct MetricsTextTests {
    @Test("a metric has help, a type and its samples; none without samples")
    func family() {
        var metrics = MetricsText()
        metrics.add("a", .counter, "What \\ is\nsaid.", [.init(7), .init(8, [("pool", "p\"\\\n"), ("n", "x")])])
        metrics.add("b_seconds", .gauge, "B.", [.init(milliseconds: 12_034)])
        metrics.add("c", .gauge, "C.", [])
        #expect(
            metrics.text == """
                # HELP longsplice_a_total What \\\\ is\\nsaid.
                # TYPE longsplice_a_total counter
                longsplice_a_total 7
                longsplice_a_total{pool="p\\"\\\\\\n",n="x"} 8
                # HELP longsplice_b_seconds B.
                # TYPE longsplice_b_seconds gauge
                longsplice_b_seconds 12.034

                """)
    }

    @Test("every counter has a sentence of its own")
    func help() {
        let sentences = Counter.allCases.map(\.help)
        #expect(sentences.allSatisfy { $0.hasSuffix(".") && !$0.contains("\n") })
        #expect(Set(sentences).count == Counter.allCases.count)
    }

    @Test("no two samples are the same, though a pool has an address twice")
    func servers() {
        let names = ServerNames(["a:1", "b:1", "a:1", "a:1"]).all
        #expect(names == ["a:1", "b:1", "a:1#2", "a:1#3"])
        var totals = Totals([])
        totals[Counter.accepted] = 5
        var servers = names.map {
            ControlServer(name: $0, address: "x", weight: 2, backup: false, state: .up, connections: 3, ejections: 1)
        }
        servers[1].state = .ejected
        servers[1].failuresInRow = 6
        servers[1].connectFailures = ["refused": 4, "no_port": 1]
        servers[2].health = ControlHealth(down: true, lastFailure: nil)
        let text = ServerMetrics(
            version: "1", engine: "epoll", startedAtMillis: 1_500,
            generation: 2, lastReloadSucceeded: false, isDraining: true,
            totals: totals, health: HealthCounts(), pools: [ControlPool(name: "p", balance: "", servers: servers)]
        ).text
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        let samples = lines.map { $0[..<($0.lastIndex(of: " ") ?? $0.endIndex)] }
        #expect(Set(samples).count == samples.count)
        for line in [
            #"longsplice_build_info{version="1",engine="epoll"} 1"#, "longsplice_start_time_seconds 1.500",
            "longsplice_generation 2", "longsplice_last_reload_successful 0", "longsplice_draining 1",
            "longsplice_accepted_total 5", "longsplice_health_checks_total 0", "longsplice_servers_down 0",
            #"longsplice_server_state{pool="p",server="b:1",state="ejected"} 1"#,
            #"longsplice_server_up{pool="p",server="a:1#2"} 0"#, #"longsplice_server_weight{pool="p",server="a:1"} 2"#,
            #"longsplice_server_connects_failed_total{pool="p",server="b:1",cause="refused"} 4"#,
            #"longsplice_server_failures_in_row{pool="p",server="b:1"} 6"#,
        ] { #expect(lines.contains(line[...]), "\(line)") }
    }
}
