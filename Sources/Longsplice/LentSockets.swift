import CLinux
import LinuxCalls

/// The sockets that are tied in this process at this moment, whichever splicer has them: each is read by one call at a time and
/// written by one, and comes back with the options it had.
enum LentSockets {
    /// What a call does with a socket.
    struct Use: OptionSet {
        let rawValue: UInt8
        static let reads = Use(rawValue: 1)
        static let writes = Use(rawValue: 2)
    }

    private struct Entry {
        var uses: Use
        var options: SocketOptions
    }

    private static let entries = Locked<[Int64: Entry]>([:])

    /// False where another call uses it in the same way.
    /// - Parameter isForSplicing: bytes come and go as they do; a file is sent by whole segments, and cares for itself.
    static func lend(_ socket: Int32, _ identity: SocketIdentity, _ use: Use, isForSplicing: Bool) -> Bool {
        entries.withLock { entries in
            var entry = entries[identity.cookie] ?? Entry(uses: [], options: SocketOptions())
            guard entry.uses.isDisjoint(with: use) else { return false }
            if entry.uses.isEmpty { entry.options.unblock(socket) }
            if isForSplicing && identity.speaksTCP { entry.options.prepareToSplice(socket) }
            entry.uses.formUnion(use)
            entries[identity.cookie] = entry
            return true
        }
    }

    static func takeBack(_ socket: Int32, _ identity: SocketIdentity, _ use: Use) {
        entries.withLock { entries in
            guard var entry = entries[identity.cookie] else { return }
            entry.uses.subtract(use)
            entries[identity.cookie] = entry.uses.isEmpty ? nil : entry
            if entry.uses.isEmpty { entry.options.restore(socket) }
        }
    }
}

/// The options of a socket that the data plane needs otherwise: it must not block, sends small segments at once and has urgent
/// bytes in line (`SystemCalls.prepareTCP`).
private struct SocketOptions {
    private var blocks = false
    private var delays = false
    private var hasUrgentAside = false
    private var isPrepared = false

    mutating func unblock(_ socket: Int32) {
        blocks = clinux_is_nonblocking(socket) == 0
        if blocks { _ = clinux_set_nonblocking(socket, 1) }
    }

    mutating func prepareToSplice(_ socket: Int32) {
        guard !isPrepared else { return }
        isPrepared = true
        delays = clinux_is_no_delay(socket) == 0
        hasUrgentAside = clinux_is_urgent_inline(socket) == 0
        if delays { _ = clinux_set_no_delay(socket) }
        if hasUrgentAside { _ = clinux_set_urgent_inline(socket) }
    }

    func restore(_ socket: Int32) {
        if blocks { _ = clinux_set_nonblocking(socket, 0) }
        if delays { _ = clinux_unset_no_delay(socket) }
        if hasUrgentAside { _ = clinux_unset_urgent_inline(socket) }
    }
}
