import CLinux
import ControlMessages
import DataPlane
import LinuxCalls

/// What the control socket is answered. All of it is done on the main thread, between signals.
extension Supervisor {
    /// Answers whoever has asked since the last look.
    func answerControl() {
        for letter in mailbox.take() where letter.begin() { letter.answer(answer(letter.order)) }
    }

    private func answer(_ order: ControlOrder) -> ControlAnswer {
        switch order {
        case .status: .status(controlStatus)
        case .configuration: .configuration(configuration.source)
        case .pools: .pools(server.controlPools(at: Clock.nowMillis()))
        case .metrics: .metrics(metrics.text)
        case .reload: reloaded()
        case .plan(let path): planned(path)
        case .drain: drained()
        case .server(let order, let name, let pool): changed(order, name, pool)
        }
    }

    // MARK: Orders

    private func reloaded() -> ControlAnswer {
        switch reload() {
        case .adopted(let difference): .changes(ControlChanges(difference.sentences))
        case .refused(let reasons): .failure(ControlFailure(.conflict, reasons.joined(separator: "\n")))
        }
    }

    private func planned(_ path: String?) -> ControlAnswer {
        switch plan(path) {
        case .adopted(let difference): .changes(ControlChanges(difference.sentences))
        case .refused(let reasons): .failure(ControlFailure(.conflict, reasons.joined(separator: "\n")))
        }
    }

    private func drained() -> ControlAnswer {
        guard drain == nil else { return .changes(ControlChanges(["it is draining already"])) }
        startDrain()
        return .changes(ControlChanges(["it takes no more connections, and ends with the last one"]))
    }

    private func changed(_ order: ServerOrder, _ name: String, _ pool: String) -> ControlAnswer {
        guard drain == nil else {
            return .failure(ControlFailure(.conflict, "the process is draining; ask its successor"))
        }
        do throws(ControlFailure) {
            let next = try configuration.changed(order, name, pool, addresses: server.serverAddresses)
            return .changes(ControlChanges(try adopted(next)))
        } catch {
            return .failure(error)
        }
    }

    private func adopted(_ next: ServeConfiguration) throws(ControlFailure) -> [String] {
        do throws(Refusal) {
            let difference = try adopt(next)
            for change in difference.changes { log.info("\(change)") }
            return difference.sentences
        } catch {
            throw ControlFailure(.conflict, error.sentence)
        }
    }

    // MARK: Questions

    private var controlStatus: ControlStatus {
        let (totals, now) = (server.totals, Clock.nowMillis())
        let named = totals.named + (server.healthCounts?.named ?? [])
        return ControlStatus(
            version: Version.number, pid: clinux_process_number(), engine: server.engineName,
            workers: configuration.workers, startedAt: "\(startedAt)",
            uptimeSeconds: Double(now - startedAtMillis) / 1_000,
            generation: ControlGeneration(number: server.generation, loadedAt: "\(loadedAt)"),
            lastReload: lastReload.map { ControlReload($0.outcome, at: Timestamp(milliseconds: $0.atWallMillis)) },
            listeners: server.listenerAddresses.map { listener in
                ControlListener(name: listener.name, addresses: listener.addresses.map(\.description))
            },
            connections: ControlConnections(
                active: totals[.active], accepted: totals[.accepted], closed: totals[.closed],
                bytesUp: totals[.bytesUp], bytesDown: totals[.bytesDown]),
            drain: drain.map { ControlDrain(secondsLeft: Double($0.millisLeft(at: now)) / 1_000) },
            totals: Dictionary(uniqueKeysWithValues: named.map { ($0.name, $0.value) }))
    }

    private var metrics: ServerMetrics {
        let hasFailed = if case .refused = lastReload?.outcome { true } else { false }
        return ServerMetrics(
            version: Version.number, engine: server.engineName, startedAtMillis: startedAt.milliseconds,
            generation: server.generation, lastReloadSucceeded: !hasFailed, isDraining: drain != nil,
            totals: server.totals, health: server.healthCounts, pools: server.controlPools(at: Clock.nowMillis()))
    }
}

extension ConfigurationDifference {
    /// One at least.
    fileprivate var sentences: [String] { isEmpty ? ["nothing has changed"] : changes + unchanged }
}

extension ControlReload {
    fileprivate init(_ outcome: Supervisor.Reload, at time: Timestamp) {
        switch outcome {
        case .adopted(let difference): self.init(at: "\(time)", succeeded: true, lines: difference.sentences)
        case .refused(let reasons): self.init(at: "\(time)", succeeded: false, lines: reasons)
        }
    }
}
