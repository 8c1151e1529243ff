import CLinux
import LinuxCalls

/// Carries whole records between sockets that keep them apart (SOCK_SEQPACKET, SOCK_DGRAM), which a pipe would not.
///
/// As `PlainCarry` does, a record is looked at, sent, and taken from its source only when the sink has it. So none is ever held, cut
/// or lost, and a pair can be taken back at any time.
package enum RecordCarry {
    /// Records after which the worker turns to its other connections.
    static let recordsMax = 64
    /// A longer record is refused with EMSGSIZE. The kernel's own bound is the sender's SO_SNDBUF, or 65,507 bytes for UDP.
    static let recordBytesMax = 16 << 20

    /// - Parameters:
    ///   - buffer: of `PlainCarry.bytesMax` bytes; for a longer record memory is taken for the moment.
    ///   - left: bytes that may still be carried. A record that does not fit into them stays where it is.
    /// - Returns: as of a carry, and whether a record did not fit.
    package static func carry(
        from source: Int32, to sink: Int32, by buffer: UnsafeMutableRawPointer, left: UInt64
    ) -> (Carried, isAtLimit: Bool) {
        var carried = Carried()
        for _ in 0..<recordsMax {
            let length = clinux_peek_record(source, buffer, PlainCarry.bytesMax)
            guard length > 0 || (length == 0 && clinux_has_empty_record(source) == 1) else {
                carried.source = Int32(truncatingIfNeeded: length)
                return (carried, false)
            }
            guard UInt64(length) <= left &- UInt64(carried.moved) else { return (carried, true) }
            // What is counted in 32 bits must not run over.
            guard Int(length) <= recordBytesMax else {
                carried.sink = Errno.messageSize
                return (carried, false)
            }
            let sent = send(Int(length), from: source, to: sink, by: buffer)
            guard sent >= 0 else {
                carried.sink = Int32(truncatingIfNeeded: sent)
                return (carried, false)
            }
            guard clinux_drop_record(source) >= 0 else {
                // It was there a moment ago, and nobody else reads this socket.
                carried.source = Errno.badDescriptor
                return (carried, false)
            }
            carried.moved += Int32(truncatingIfNeeded: sent)
            if carried.moved >= PlainCarry.budgetBytes { return (carried, false) }
        }
        return (carried, false)
    }

    private static func send(
        _ length: Int, from source: Int32, to sink: Int32, by buffer: UnsafeMutableRawPointer
    ) -> Int64 {
        guard length > PlainCarry.bytesMax else { return clinux_send(sink, buffer, length) }
        guard let large = clinux_zeroed(1, length) else { return Int64(Errno.noMemory) }
        defer { clinux_free(large) }
        let seen = clinux_peek_record(source, large, length)
        return seen == Int64(length) ? clinux_send(sink, large, length) : Int64(Errno.badDescriptor)
    }
}
