import CLinux
import LinuxCalls

/// Moving a connection's bytes and following its script.
extension ConnectionLoop {
    /// Receives, sends and acts until the socket, the script or the turn's share stops it.
    func stream(_ socket: Int32) {
        let connection = slot(socket)
        var receiveBudget = Self.bytesPerTurn
        var sendBudget = Self.bytesPerTurn
        while true {
            guard receive(socket, &receiveBudget), send(socket, &sendBudget) else { return }
            if connection.pointee.isReset && connection.pointee.isReadable && receiveBudget > 0 { continue }
            guard act(socket) else { break }
        }
        guard connection.pointee.phase == .streaming else { return }
        // What the share has stopped goes on when the others had their turn.
        if receiveBudget <= 0 || sendBudget <= 0 { enqueue(socket) }
    }

    // MARK: Receiving

    /// False when the connection has ended.
    private func receive(_ socket: Int32, _ budget: inout Int) -> Bool {
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

    // MARK: Sending

    /// False when the connection has ended.
    private func send(_ socket: Int32, _ budget: inout Int) -> Bool {
        let connection = slot(socket)
        while connection.pointee.isWritable, !connection.pointee.isReset, !connection.pointee.at.finSent, budget > 0 {
            let needsHeader = connection.pointee.side == .client && connection.pointee.headerCount < Header.bytes
            let at = connection.pointee.at
            let open = connection.pointee.script.allowance(at)
            let room = open &- min(open, at.sent)
            if connection.pointee.writeAfter > now && !needsHeader {
                if room > 0 { wake(socket, at: connection.pointee.writeAfter) }
                return true
            }
            guard room > 0 || needsHeader else { return true }
            let isPaused = connection.pointee.writeAfter > now
            if connection.pointee.chunkLeft == 0 { connection.pointee.drawChunk() }
            let piece = isPaused ? 0 : Int(min(room, connection.pointee.chunkLeft, UInt64(Self.transferBytesMax)))
            let lead = needsHeader ? fillHeader(connection) : 0
            connection.pointee.outbound.fill(
                UnsafeMutableRawBufferPointer(rebasing: buffer[lead..<(lead + piece)]), from: at.sent)
            let count = clinux_send(socket, buffer.baseAddress, lead + piece)
            guard count > 0 else { return refused(socket, Int32(truncatingIfNeeded: count)) }
            budget -= Int(count)
            sent(socket, headerBytes: min(lead, Int(count)), bytes: max(0, Int(count) - lead))
        }
        return true
    }

    /// What is left of the header, at the buffer's start.
    private func fillHeader(_ connection: UnsafeMutablePointer<Connection>) -> Int {
        let gone = connection.pointee.headerCount
        return withUnsafeBytes(of: connection.pointee.header) { bytes in
            let rest = UnsafeRawBufferPointer(rebasing: bytes[gone..<Header.bytes])
            buffer.copyMemory(from: rest)
            return rest.count
        }
    }

    private func sent(_ socket: Int32, headerBytes: Int, bytes: Int) {
        let connection = slot(socket)
        connection.pointee.headerCount += headerBytes
        connection.pointee.at.sent &+= UInt64(bytes)
        connection.pointee.progressAt = now
        board.add(.bytesSent, UInt64(bytes))
        connection.pointee.chunkLeft &-= UInt64(bytes)
        let pauseOneIn = UInt64(connection.pointee.plan.pauseOneIn)
        if connection.pointee.chunkLeft == 0, pauseOneIn > 0, connection.pointee.draw.oneIn(pauseOneIn) {
            connection.pointee.writeAfter = now + Int64(connection.pointee.draw.within(1...10)) * 1_000_000
        }
    }

    /// What a send says that took no bytes. False when the connection has ended.
    private func refused(_ socket: Int32, _ result: Int32) -> Bool {
        let connection = slot(socket)
        switch result {
        case 0, Errno.again, Errno.noBuffers: connection.pointee.isWritable = false
        case Errno.interrupted: break
        case Errno.reset, Errno.brokenPipe:
            connection.pointee.isReset = true
            // What came before the reset is still to be read; after FIN there is nothing.
            connection.pointee.isReadable = true
            if connection.pointee.at.finReceived {
                end(socket, .open)
                return false
            }
        default:
            violate(connection, .failed, direction: connection.pointee.side.sends) { $0.errno = 0 &- result }
            end(socket, .open) { $0.end = .failed }
            return false
        }
        return true
    }

    // MARK: Acting

    /// Does what the script says. True when something was done that may lead on.
    private func act(_ socket: Int32) -> Bool {
        let connection = slot(socket)
        guard !connection.pointee.isReset else { return false }
        if connection.pointee.side == .client && connection.pointee.headerCount < Header.bytes { return false }
        if connection.pointee.at.finReceived && connection.pointee.hasHungUp && clinux_pending_error(socket) < 0 {
            // RST behind FIN shows as an error without anything to read.
            connection.pointee.isReset = true
            end(socket, .open)
            return false
        }
        switch connection.pointee.script.act(connection.pointee.at) {
        case .wait: return false
        case .fin:
            guard connection.pointee.writeAfter <= now || connection.pointee.at.isStopping else {
                wake(socket, at: connection.pointee.writeAfter)
                return false
            }
            let result = clinux_shutdown_write(socket)
            // ENOTCONN: RST has come; the next read tells.
            connection.pointee.at.finSent = result >= 0
            connection.pointee.progressAt = now
            if result < 0 {
                connection.pointee.isReset = true
                connection.pointee.isReadable = true
            }
            return true
        case .done: end(socket, .fin)
        case .close: end(socket, .close)
        case .reset: return pause(socket, nanoseconds: resetPause(connection))
        case .hold:
            return pause(socket, nanoseconds: connection.pointee.at.isStopping ? 0 : connection.pointee.patience)
        }
        return false
    }

    /// An idle connection is really idle for a moment before it is reset.
    private func resetPause(_ connection: UnsafeMutablePointer<Connection>) -> Int64 {
        guard connection.pointee.plan.ending == .resetIdle, connection.pointee.plan.turnUp == 0 else { return 0 }
        return Int64(connection.pointee.draw.within(0...10)) * 1_000_000
    }

    /// Holds the connection for a while, and then resets it.
    private func pause(_ socket: Int32, nanoseconds: Int64) -> Bool {
        let connection = slot(socket)
        if connection.pointee.holdUntil == 0 { connection.pointee.holdUntil = now + nanoseconds }
        if connection.pointee.holdUntil <= now || connection.pointee.at.isStopping {
            end(socket, .reset)
        } else {
            wake(socket, at: connection.pointee.holdUntil)
        }
        return false
    }
}
