import Benchmark

/// The state machine alone: what is told to a knot, and the steps it answers with.
enum KnotBenchmarks {
    static func register() {
        let configuration = Benchmark.Configuration(
            metrics: Meter.ofMemory, warmupIterations: 1, scalingFactor: .kilo, maxDuration: .seconds(2),
            maxIterations: 20)

        Benchmark("Knot.a_copied_request_and_its_answer", configuration: configuration) { benchmark in
            var table = KnotTable(capacity: 1)
            let knot = tied(&table, .copy)
            for direction in Direction.allCases { knot.pointee[direction].submittedReceive() }
            let meter = Meter(benchmark)
            for number in meter.rounds {
                pass(64, .up, knot, at: Int64(number))
                pass(1_024, .down, knot, at: Int64(number))
            }
            meter.stop()
            precondition(knot.pointee.down.bytesMoved == 1_024 * UInt64(benchmark.scaledIterations.count))
        }

        Benchmark("Knot.a_spliced_chain", configuration: configuration) { benchmark in
            var table = KnotTable(capacity: 1)
            let knot = tied(&table, .splice)
            knot.pointee.up.submittedRest()
            precondition(knot.pointee.resumed(.await, .up, PollEvents.readable, at: 0).contains(.move))
            let meter = Meter(benchmark)
            for number in meter.rounds {
                knot.pointee.up.submittedMove(asking: 1 << 20)
                let first = knot.pointee.resumed(.fill, .up, 65_536, at: Int64(number))
                let second = knot.pointee.resumed(.drain, .up, 65_536, at: Int64(number))
                precondition(first.isEmpty && second == [.move, .push])
            }
            meter.stop()
            precondition(knot.pointee.up.bytesMoved == 65_536 * UInt64(benchmark.scaledIterations.count))
        }

        Benchmark("Knot.a_chain_whose_sink_is_full", configuration: configuration) { benchmark in
            var table = KnotTable(capacity: 1)
            let knot = tied(&table, .splice)
            knot.pointee.up.submittedRest()
            precondition(knot.pointee.resumed(.await, .up, PollEvents.readable, at: 0).contains(.move))
            let meter = Meter(benchmark)
            for number in meter.rounds {
                let now = Int64(number)
                knot.pointee.up.submittedMove(asking: 1 << 20)
                _ = knot.pointee.resumed(.fill, .up, 65_536, at: now)
                precondition(knot.pointee.resumed(.drain, .up, 4_096, at: now) == .drainHeld)
                knot.pointee.up.submittedDrain()
                precondition(knot.pointee.resumed(.drain, .up, 61_440, at: now).contains(.move))
            }
            meter.stop()
            precondition(knot.pointee.up.bytesMoved == 65_536 * UInt64(benchmark.scaledIterations.count))
        }
    }

    /// A knot with both sockets; the table owns it.
    private static func tied(_ table: inout KnotTable, _ policy: RelayPolicy) -> UnsafeMutablePointer<Knot> {
        guard let slot = table.acquire() else { preconditionFailure("a table of one has no room for one") }
        let knot = table[slot]
        knot.pointee.begin(client: 1, isTCP: true, relay: policy, at: 0)
        knot.pointee.submittedConnect(2, isTCP: true, at: 0)
        _ = knot.pointee.resumed(.connect, .up, 0, at: 0)
        precondition(knot.pointee.phase == .tied)
        return knot
    }

    private static func pass(
        _ bytes: Int32, _ direction: Direction, _ knot: UnsafeMutablePointer<Knot>, at now: Int64
    ) {
        let received = knot.pointee.hasReceived(
            direction, bytes, goesOn: true, leavesMore: false, provesBulk: false, at: now)
        precondition(received == Step.send.on(direction))
        knot.pointee[direction].submittedSend(of: UInt32(bytes), waits: false)
        let sent = knot.pointee.resumed(.send, direction, bytes, at: now)
        precondition(sent.isEmpty)
    }
}
