import CLinux
import LinuxCalls

/// What the other side sends: bytes that are checked, and ends.
extension ConnectionLoop {
    /// False when the connection has ended.
    func receive(_ socket: Int32, _ budget: inout Int) -> Bool {
        let connection = slot(socket)
        while connection.pointee.isReadable, !connection.pointee.at.finReceived, budget > 0 {
            if connection.pointee.readAfter > now && !connection.pointee.isReset {
                wake(socket, at: connection.pointee.readAfter)
                return true
            }
            let limit = slowed(connection) ?? Self.transferBytesMax
            let count = clinux_receive(socket, buffer.baseAddress, limit)
            if count > 0 {
                budget -= Int(count)
                let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<Int(count)])
                guard take(bytes, socket) else { return false }
                // Whatever comes later gives an event of its own.
                if count < limit && !connection.pointee.hasHungUp { connection.pointee.isReadable = false }
            } else if !ends(socket, Int32(truncatingIfNeeded: count)) {
                return connection.pointee.phase == .streaming
            }
        }
        return true
    }

    /// A slow reader takes little and then looks away; nil for others.
    private func slowed(_ connection: UnsafeMutablePointer<Connection>) -> Int? {
        guard connection.pointee.plan.slowReader == connection.pointee.side, connection.pointee.slowReads < 64,
            !connection.pointee.isReset
        else { return nil }
        connection.pointee.slowReads += 1
        connection.pointee.readAfter = now + 1_000_000
        return 4096
    }

    /// Checks bytes of the other side's stream. False when they ended the connection.
    func take(_ bytes: UnsafeRawBufferPointer, _ socket: Int32) -> Bool {
        let connection = slot(socket)
        guard !bytes.isEmpty else { return true }
        let direction = connection.pointee.side.receives
        let start = connection.pointee.at.received
        let total = connection.pointee.plan.bytes(direction)
        let allowed = Int(min(UInt64(bytes.count), total &- min(total, start)))
        let own = UnsafeRawBufferPointer(rebasing: bytes[..<allowed])
        if let wrong = connection.pointee.inbound.firstWrong(in: own, from: start) {
            connection.pointee.at.received = start &+ UInt64(wrong)
            damaged(socket, UnsafeRawBufferPointer(rebasing: bytes[wrong...]))
            return false
        }
        connection.pointee.at.received = start &+ UInt64(allowed)
        board.add(.bytesReceived, UInt64(allowed))
        connection.pointee.progressAt = now
        if allowed < bytes.count {
            violate(connection, .extraBytes) {
                $0.offset = total
                $0.got = bytes[allowed]
            }
            end(socket, .reset) { $0.isDamaged = true }
            return false
        }
        if start == 0 { heard(connection) }
        tellAnswers(connection, since: start)
        return true
    }

    private func tellAnswers(_ connection: UnsafeMutablePointer<Connection>, since start: UInt64) {
        guard connection.pointee.side == .client, connection.pointee.plan.turnDown > 0 else { return }
        let size = connection.pointee.plan.turnDown
        let before = start / size
        let after = connection.pointee.at.received / size
        if after > before { answered(connection) }
    }

    private func damaged(_ socket: Int32, _ bytes: UnsafeRawBufferPointer) {
        let connection = slot(socket)
        guard let record = record(of: connection) else { return end(socket, .reset) }
        let place = StreamPlace(
            id: connection.pointee.id, direction: connection.pointee.side.receives,
            offset: connection.pointee.at.received)
        let damage = Damage(at: place, seed: record.seed, bytes: bytes)
        violate(connection, Violation.Kind(damage.kind)) {
            $0.offset = damage.offset
            ($0.expected, $0.got, $0.origin) = (damage.expected, damage.got, damage.origin)
        }
        end(socket, .reset) { $0.isDamaged = true }
    }

    /// What a read says that gave no bytes. True when the connection goes on.
    private func ends(_ socket: Int32, _ result: Int32) -> Bool {
        let connection = slot(socket)
        switch result {
        case 0 where connection.pointee.isReset: end(socket, .open)
        case 0: return finArrived(socket)
        case Errno.again, Errno.interrupted:
            connection.pointee.isReadable = result == Errno.interrupted
            return true
        case Errno.reset, Errno.brokenPipe:
            connection.pointee.isReset = true
            end(socket, .open)
        default:
            violate(connection, .failed) { $0.errno = 0 &- result }
            end(socket, .open) { $0.end = .failed }
        }
        return false
    }

    private func finArrived(_ socket: Int32) -> Bool {
        let connection = slot(socket)
        connection.pointee.at.finReceived = true
        connection.pointee.isReadable = false
        connection.pointee.progressAt = now
        let plan = connection.pointee.plan
        let total = plan.bytes(connection.pointee.side.receives)
        guard !plan.isEndless, !plan.allowsPrefix, connection.pointee.at.received < total else { return true }
        violate(connection, .missingBytes) { $0.offset = $0.received }
        end(socket, .reset) { $0.isDamaged = true }
        return false
    }
}
