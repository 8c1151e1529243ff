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
        let options: SocketOptions
    }

    private static let entries = Locked<[Int64: Entry]>([:])

    /// False where another call uses it in the same way.
    static func lend(_ socket: Int32, _ identity: SocketIdentity, _ use: Use) -> Bool {
        entries.withLock { entries in
            if let uses = entries[identity.cookie]?.uses {
                guard uses.isDisjoint(with: use) else { return false }
                entries[identity.cookie]?.uses.formUnion(use)
            } else {
                let options = SocketOptions(of: socket, speaksTCP: identity.speaksTCP)
                entries[identity.cookie] = Entry(uses: use, options: options)
                options.prepare(socket)
            }
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
    let blocks: Bool
    let delays: Bool
    let hasUrgentAside: Bool

    init(of socket: Int32, speaksTCP: Bool) {
        blocks = clinux_is_nonblocking(socket) == 0
        delays = speaksTCP && clinux_is_no_delay(socket) == 0
        hasUrgentAside = speaksTCP && clinux_is_urgent_inline(socket) == 0
    }

    func prepare(_ socket: Int32) {
        if blocks { _ = clinux_set_nonblocking(socket, 1) }
        if delays { _ = clinux_set_no_delay(socket) }
        if hasUrgentAside { _ = clinux_set_urgent_inline(socket) }
    }

    func restore(_ socket: Int32) {
        if blocks { _ = clinux_set_nonblocking(socket, 0) }
        if delays { _ = clinux_unset_no_delay(socket) }
        if hasUrgentAside { _ = clinux_unset_urgent_inline(socket) }
    }
}
