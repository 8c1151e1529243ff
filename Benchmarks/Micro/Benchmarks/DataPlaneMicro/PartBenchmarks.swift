import Benchmark

/// The worker's parts, each by itself.
enum PartBenchmarks {
    static func register() {
        let configuration = Benchmark.Configuration(
            metrics: Meter.ofMemory, warmupIterations: 1, scalingFactor: .kilo, maxDuration: .seconds(2),
            maxIterations: 20)

        Benchmark("Tag.packed_and_unpacked", configuration: configuration) { benchmark in
            // By way of memory, as through the kernel; in one piece the compiler would see through it.
            let batch = CompletionBatch()
            var sum: UInt64 = 0
            let meter = Meter(benchmark)
            for number in meter.rounds {
                let tag = Tag(
                    slot: UInt32(truncatingIfNeeded: number), generation: 7, operation: .fill, direction: .down)
                batch.base[number % CompletionBatch.capacity] = Completion(tag: tag.with(.drain), result: 0)
                blackHole(number)
                let answer = batch[number % CompletionBatch.capacity].tag
                guard answer.operation == .drain, answer.direction == .down else { continue }
                sum &+= UInt64(answer.slot) &+ UInt64(answer.generation)
            }
            meter.stop()
            let count = UInt64(benchmark.scaledIterations.count)
            precondition(sum == count * (count - 1) / 2 + 7 * count)
        }

        Benchmark("KnotTable.acquired_and_released", configuration: configuration) { benchmark in
            var table = KnotTable(capacity: 64)
            // Slots that have been used before, as they are in a worker that has run for a while.
            let slots = (0..<64).compactMap { _ in table.acquire() }
            for slot in slots { table.release(slot) }
            let meter = Meter(benchmark)
            for _ in meter.rounds {
                guard let slot = table.acquire() else { preconditionFailure("the table leaks") }
                table.release(slot)
            }
            meter.stop()
            precondition(table.count == 0 && table.slotsEverUsed == 64)
        }

        Benchmark("TimerWheel.scheduled_and_expired", configuration: configuration) { benchmark in
            var table = KnotTable(capacity: 64)
            var wheel = TimerWheel(startingAt: 0)
            var now: Int64 = 0
            var expired = 0
            while let slot = table.acquire() { wheel.schedule(slot, at: 1, in: table) }
            let meter = Meter(benchmark)
            for _ in meter.rounds {
                // Into the near wheel and, every other time, into the far one.
                now &+= 3 &* TimerWheel.tickMillis
                while let slot = wheel.next(at: now, in: table) {
                    wheel.schedule(slot, at: now &+ (expired & 1 == 0 ? 200 : 20_000), in: table)
                    expired &+= 1
                }
                _ = wheel.millisUntilNext(at: now)
            }
            meter.stop()
            precondition(wheel.count == 64 && expired > 2 * 64)
        }

        Benchmark("BufferPool.provided_filled_and_sent", configuration: configuration) { benchmark in
            var engine = QuickEngine()
            var pool = BufferPool(capacity: 512)
            var queue = BufferQueue()
            pool.supply(&engine)
            var next: UInt16 = 0
            let meter = Meter(benchmark)
            for _ in meter.rounds {
                // Two buffers, and the first one in two parts. They come back in the order in which they were given.
                for _ in 0..<2 {
                    pool.took(next)
                    pool.append(next, 4_096, to: &queue)
                    next = (next + 1) % UInt16(BufferPool.wantedMin)
                }
                pool.sent(1_000, of: &queue, &engine)
                pool.sent(pool.head(of: queue).length, of: &queue, &engine)
                pool.sent(pool.head(of: queue).length, of: &queue, &engine)
                engine.forget(2)
            }
            meter.stop()
            precondition(queue.count == 0 && pool.filled == 0 && pool.provided == pool.wanted)
        }

        Benchmark("TrafficGauge.messages_and_bulk", configuration: configuration) { benchmark in
            var gauge = TrafficGauge()
            let rules = RelayRules()
            var promotions = 0
            let meter = Meter(benchmark)
            for number in meter.rounds {
                let isBulk = number & 64 != 0
                if !isBulk { gauge.turned() }
                if gauge.received(isBulk ? 16_384 : 64, leavesMore: isBulk, pauseMillis: 0, rules) {
                    promotions &+= 1
                    gauge.promoted(at: UInt64(number) &<< 20)
                    _ = gauge.filled(65_536, rules)
                }
            }
            meter.stop()
            precondition(promotions > 0 && promotions < benchmark.scaledIterations.count)
        }
    }
}
