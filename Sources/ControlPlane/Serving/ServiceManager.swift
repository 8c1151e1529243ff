import CLinux
import LinuxCalls

/// Tells the service manager that started this process how it is (sd_notify(3)); nothing where none has asked to be told.
struct ServiceManager {
    private let address: SocketAddress?
    private let place: String?

    /// - Parameter place: what `NOTIFY_SOCKET` says: a path, or `@NAME`.
    init(_ place: String?) {
        self.place = place
        address = place.flatMap { SocketAddress(unixText: $0) }
    }

    private static let tries = 200
    private static let pauseMillis: Int32 = 10

    /// One message of several assignments.
    /// - Returns: why it could not be sent; nil where it was, or where nobody has asked.
    func tell(_ assignments: [String]) -> String? {
        guard let place else { return nil }
        guard let address else { return "NOTIFY_SOCKET \(place) is no UNIX address" }
        do throws(SystemError) {
            let socket = OwnedDescriptor(try checked(clinux_datagram_socket(), "socket"))
            let connected = address.withBytes { clinux_connect(socket.number, $0.baseAddress, address.length) }
            _ = try checked(connected, "connect")
            try Self.send(Array(assignments.joined(separator: "\n").utf8), to: socket.number)
            return nil
        } catch {
            return "the service manager at NOTIFY_SOCKET cannot be told: \(error)"
        }
    }

    /// Waits a while where the manager has not read what it was told before.
    private static func send(_ bytes: [UInt8], to socket: Int32) throws(SystemError) {
        for attempt in 1...tries {
            let result = Int32(truncatingIfNeeded: clinux_send(socket, bytes, bytes.count))
            if result == Errno.again && attempt < tries {
                _ = clinux_wait_for_room(socket, -1, pauseMillis)
            } else {
                _ = try checked(result, "send")
                return
            }
        }
    }
}
