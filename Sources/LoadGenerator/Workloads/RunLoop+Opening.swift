import CLinux
import LinuxCalls

/// Opening connections: as many as are wanted at a time, or as many as are due.
extension RunLoop {
    var untilNextOpen: Int64 {
        guard !isStopping, opened < share.total else { return Self.turnNanoseconds }
        if postponedUntil > now { return min(Self.turnNanoseconds, postponedUntil - now) }
        guard active < share.connections else { return Self.turnNanoseconds }
        guard let due = nextDue else { return 0 }
        return min(Self.turnNanoseconds, max(0, due - now))
    }

    /// When the next connection is to be opened, under a rate.
    private var nextDue: Int64? { share.openInterval.map { startAt + share.phase + Int64(Double(opened) * $0) } }

    func openMore() {
        guard postponedUntil <= now else { return }
        var left = Self.opensPerTurn
        while left > 0, !isStopping, opened < share.total, active < share.connections {
            let due = nextDue ?? now
            guard due <= now else { return }
            left -= 1
            guard open(settings.only ?? share.id(opened), dueAt: due) else { return }
            opened += 1
            board.add(.opened)
        }
    }

    /// False where it has to be tried again later.
    private func open(_ id: UInt64, dueAt: Int64) -> Bool {
        let target = settings.targets[Int(id % UInt64(settings.targets.count))]
        let socket = clinux_socket(target.family)
        guard socket >= 0 else { return postpone(socket, id) }
        if target.isTCP { _ = clinux_set_no_delay(socket) }
        let result = bind(socket, id)
        guard result >= 0 else {
            _ = clinux_close(socket)
            return postpone(result, id)
        }
        let connected = target.withBytes { clinux_connect(socket, $0.baseAddress, target.length) }
        guard connected >= 0 || connected == Errno.inProgress else {
            _ = clinux_close(socket)
            return postpone(connected, id)
        }
        guard adopt(socket, connected < 0 ? .connecting : .streaming, .client, patience: 0) else {
            _ = clinux_close(socket)
            return postpone(Errno.noMemory, id)
        }
        begin(
            socket, Header(.stream, recipe, seed: settings.seed, id: id, run: share.run), dueAt, isLocal: target.isUNIX)
        return true
    }

    private func bind(_ socket: Int32, _ id: UInt64) -> Int32 {
        guard !settings.sources.isEmpty else { return 0 }
        let source = settings.sources[Int(id % UInt64(settings.sources.count))]
        return source.withBytes { clinux_bind_without_port(socket, $0.baseAddress, source.length) }
    }

    private func begin(_ socket: Int32, _ header: Header, _ dueAt: Int64, isLocal: Bool) {
        let connection = slot(socket)
        connection.pointee.join(header, record: 0)
        connection.pointee.isLocal = isLocal
        connection.pointee.dueAt = dueAt
        connection.pointee.isWritable = connection.pointee.phase == .streaming
        withUnsafeMutableBytes(of: &connection.pointee.header) { header.write(to: $0) }
        record.opened(header.id)
        if recipe.workload == .idle { connection.pointee.writeAfter = startAt + settings.idleNanoseconds }
        if share.requestInterval > 0 {
            // The connections' requests are spread evenly over the interval.
            let place = Double(header.id % UInt64(max(1, settings.connections))) / Double(max(1, settings.connections))
            connection.pointee.dueAt = startAt + Int64(place * Double(share.requestInterval))
            connection.pointee.writeAfter = connection.pointee.dueAt
        }
        if connection.pointee.phase == .streaming { self.connected(connection) }
        enqueue(socket)
    }

    /// Ports, descriptors and accept queues that are full for the moment are waited for; anything else is the connection's end.
    private func postpone(_ error: Int32, _ id: UInt64) -> Bool {
        switch error {
        case Errno.again, Errno.addressNotAvailable, Errno.addressInUse, Errno.tooManyInProcess, Errno.tooManyInSystem,
            Errno.noMemory, Errno.noBuffers:
            postponedUntil = now + Self.postponement
            board.add(.opensPostponed)
            return false
        default:
            record.opened(id)
            failed(id, error)
            return true
        }
    }

    func failed(_ id: UInt64, _ error: Int32) {
        var violation = Violation(.connectFailed, id: id, side: .client, direction: .up)
        violation.errno = 0 &- error
        record.add(violation)
        var outcome = Outcome()
        outcome.isUnconnected = true
        _ = record.ended(id, outcome)
        board.add(.finished)
    }
}
