import Benchmark

/// Whole completions through `Worker.turn`, by way of an engine that answers at once.
enum WorkerBenchmarks {
    static func register() {
        let metrics = Meter.ofMemory + [Meter.systemCalls, Meter.intents]
        let configuration = Benchmark.Configuration(
            metrics: metrics, warmupIterations: 1, scalingFactor: .kilo, maxDuration: .seconds(2), maxIterations: 20)

        Benchmark("Worker.a_copied_message", configuration: configuration) { benchmark in
            var worker = QuickWorker.make(.copy)
            worker.tieOne()
            let calls = worker.engine.systemCalls
            let intents = worker.engine.intents
            let meter = Meter(benchmark)
            for _ in meter.rounds { worker.copy(64, .up) }
            meter.stop()
            report(benchmark, worker, since: calls, intents)
            precondition(worker.counters[.bytesUp] == 64 * UInt64(benchmark.scaledIterations.count))
        }

        Benchmark("Worker.a_request_and_its_answer", configuration: configuration) { benchmark in
            var worker = QuickWorker.make(.adaptive)
            worker.tieOne()
            let calls = worker.engine.systemCalls
            let intents = worker.engine.intents
            let meter = Meter(benchmark)
            for _ in meter.rounds {
                worker.copy(64, .up)
                worker.copy(1_024, .down)
            }
            meter.stop()
            report(benchmark, worker, since: calls, intents)
            precondition(worker.counters[.bytesDown] == 1_024 * UInt64(benchmark.scaledIterations.count))
        }

        Benchmark("Worker.a_spliced_chunk_each_way", configuration: configuration) { benchmark in
            var worker = QuickWorker.make(.splice)
            worker.tieOne()
            worker.turn()  // both sources are readable, both chains are out
            let calls = worker.engine.systemCalls
            let intents = worker.engine.intents
            let drains = worker.counters[.drains]
            let meter = Meter(benchmark)
            for _ in meter.rounds { worker.turn() }
            meter.stop()
            report(benchmark, worker, since: calls, intents)
            precondition(worker.counters[.drains] - drains == 2 * UInt64(benchmark.scaledIterations.count))
        }

        Benchmark("Worker.a_connection_from_accept_to_close", configuration: configuration) { benchmark in
            var worker = QuickWorker.make(.adaptive)
            live(&worker)
            let calls = worker.engine.systemCalls
            let intents = worker.engine.intents
            let meter = Meter(benchmark)
            for _ in meter.rounds { live(&worker) }
            meter.stop()
            report(benchmark, worker, since: calls, intents)
            precondition(worker.counters[.finished] == 1 + UInt64(benchmark.scaledIterations.count))
            precondition(worker.table.count == 0)
        }

        Benchmark("Worker.an_empty_turn", configuration: configuration) { benchmark in
            var worker = QuickWorker.make(.adaptive)
            let calls = worker.engine.systemCalls
            let intents = worker.engine.intents
            let meter = Meter(benchmark)
            for _ in meter.rounds { worker.turn() }
            meter.stop()
            report(benchmark, worker, since: calls, intents)
        }
    }

    /// Accept, connect, a request, an answer, FIN both ways.
    private static func live(_ worker: inout Worker<QuickEngine>) {
        worker.tieOne()
        worker.copy(64, .up)
        worker.copy(1_024, .down)
        worker.engine.deliver(0, .up)
        worker.turn()
        worker.engine.deliver(0, .down)
        worker.turn()  // untied; the watch is being withdrawn
        worker.turn()  // closed
    }

    private static func report(
        _ benchmark: Benchmark, _ worker: borrowing Worker<QuickEngine>, since calls: Int, _ intents: Int
    ) {
        benchmark.measurement(Meter.systemCalls, worker.engine.systemCalls - calls)
        benchmark.measurement(Meter.intents, worker.engine.intents - intents)
    }
}
