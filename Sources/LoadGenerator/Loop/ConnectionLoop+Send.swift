import CLinux
import LinuxCalls

/// What this side sends: the header, and then the stream in pieces of drawn sizes.
extension ConnectionLoop {
    /// False when the connection has ended.
    func send(_ socket: Int32, _ budget: inout Int) -> Bool {
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
        case Errno.reset, Errno.brokenPipe: return metReset(socket)
        default:
            violate(connection, .failed, direction: connection.pointee.side.sends) { $0.errno = 0 &- result }
            end(socket, .open) { $0.end = .failed }
            return false
        }
        return true
    }
}
