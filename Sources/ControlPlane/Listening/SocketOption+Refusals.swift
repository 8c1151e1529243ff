import CLinux
import LinuxCalls

extension SocketOption {
    /// Sets the options on a socket that is thrown away: an option that cannot be set would fail each connection, so it is better
    /// not to start.
    static func tryOut(_ options: [Placed<SocketOption>]) throws(Refusal) {
        for placed in options {
            do throws(SystemError) {
                let four = clinux_socket(SocketAddress.familyIPv4)
                let number = four >= 0 ? four : clinux_socket(SocketAddress.familyIPv6)
                let socket = OwnedDescriptor(try checked(number, "socket"))
                _ = try checked(placed.value.set(on: socket.number), placed.value.call)
            } catch {
                throw Refusal(
                    .failure, at: placed.origin, value: placed.value.text, placed.value.problem(error))
            }
        }
    }

    /// As it was written; empty for a mapping and for what is on or off.
    private var text: String {
        switch self {
        case .fastOpen(let queue): "\(queue)"
        case .deferAccept(let seconds): "\(TimeSpan(milliseconds: Int64(seconds) * 1_000))"
        case .userTimeout(let milliseconds): "\(TimeSpan(milliseconds: Int64(milliseconds)))"
        case .congestionControl(let name), .interface(let name): name.text
        case .keepalive: "{}"
        case .transparent: "true"
        }
    }

    func problem(_ error: SystemError) -> ValueProblem {
        switch (self, -error.code) {
        case (.congestionControl(let name), Errno.noEntry):
            ValueProblem(
                "is no congestion control that this kernel has loaded",
                cure: "write one of \(Self.controls("available")), or load it with modprobe tcp_\(name.text)")
        case (.congestionControl, Errno.notPermitted):
            ValueProblem(
                "may not be used by this user",
                cure: "write one of \(Self.controls("allowed")), add it to net.ipv4.tcp_allowed_congestion_control, "
                    + "or grant CAP_NET_ADMIN")
        case (.interface, Errno.noDevice):
            ValueProblem("is no interface of this machine", cure: "see `ip link`")
        case (.interface, Errno.notPermitted):
            ValueProblem("may not be bound to by this user", cure: "grant CAP_NET_RAW (AmbientCapabilities=)")
        case (.transparent, Errno.notPermitted):
            ValueProblem("is not for this user", cure: "grant CAP_NET_ADMIN (AmbientCapabilities=)")
        default: ValueProblem("cannot be set: \(error)", cure: "leave it out, or write another value")
        }
    }

    /// Their names, as one sentence has them.
    private static func controls(_ which: String) -> String {
        let names = KernelFile.text("/proc/sys/net/ipv4/tcp_\(which)_congestion_control") ?? "reno"
        return names.split(separator: " ").joined(separator: ", ")
    }
}
