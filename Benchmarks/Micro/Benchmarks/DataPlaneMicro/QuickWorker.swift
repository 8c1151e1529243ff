import LinuxCalls

/// Makes workers over a `QuickEngine`, as `WorkerThread` makes them over the real ones: a worker is a local variable.
enum QuickWorker {
    static func make(_ policy: RelayPolicy) -> Worker<QuickEngine> {
        guard let address = SocketAddress(numeric: "192.0.2.1", port: 443) else {
            preconditionFailure("QuickWorker: no address")
        }
        var settings = WorkerSettings(target: .upstreams([address]))
        settings.connectionsMax = 16
        settings.relay.policy = policy
        settings.spinNanoseconds = 0
        do throws(SystemError) {
            let control = try WorkerControl(board: CounterBoard(upstreamCount: 1))
            var worker = Worker(
                engine: QuickEngine(), settings: settings, control: control, connections: ConnectionCount())
            worker.start([(socket: 1 << 21, isTCP: true)])
            return worker
        } catch {
            preconditionFailure("QuickWorker: \(error)")
        }
    }
}

extension Worker<QuickEngine> {
    /// A client comes, and its upstream answers: both lanes are at work afterwards.
    mutating func tieOne() {
        engine.deliverClient()
        turn()  // accepted; the connect is out
        turn()  // tied
    }

    /// A message is received and sent on.
    mutating func copy(_ bytes: Int32, _ direction: Direction) {
        engine.deliver(bytes, direction)
        turn()
        turn()
    }
}
