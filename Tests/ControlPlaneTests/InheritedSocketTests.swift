import CLinux
import Glibc
import LinuxCalls
import TestSupport
import Testing

@testable import ControlPlane

@Suite("Sockets that were passed")
struct InheritedSocketTests {
    private func sockets(_ variables: [String: String], process: Int32 = 77) -> InheritedSockets {
        InheritedSockets(process: process) { variables[$0] }
    }

    private func problem(_ sockets: InheritedSockets, _ wanted: String) -> String? {
        ControlPlaneTests.problem { () throws(ValueProblem) in _ = try sockets.take(wanted) }?.reason
    }

    @Test("are taken by their numbers, do not block, and are not passed on")
    func numbers() throws {
        let loopback = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
        let listener = try ListeningSocket.open(loopback, sharing: false, backlog: 1)
        _ = fcntl(listener.number, F_SETFD, 0)
        _ = clinux_set_nonblocking(listener.number, 0)
        let taken = try sockets([:]).take("\(listener.number)")
        #expect(taken.count == 1 && taken[0].socket == listener.number)
        #expect(try taken[0].address.port == SocketAddress.local(of: listener.number).port)
        #expect(fcntl(listener.number, F_GETFD) & FD_CLOEXEC != 0)
        #expect(clinux_is_nonblocking(listener.number) == 1)
    }

    @Test("of other kinds are refused")
    func kinds() throws {
        let none = sockets([:])
        let loopback = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
        let idle = OwnedDescriptor(try checked(clinux_socket(loopback.family), "socket"))
        let datagram = OwnedDescriptor(try checked(clinux_datagram_socket(), "socket"))
        let file = OwnedDescriptor(open("/dev/null", O_RDONLY))
        #expect(problem(none, "\(idle.number)") == "does not listen")
        #expect(problem(none, "\(datagram.number)") == "is no stream socket")
        #expect(problem(none, "\(file.number)") == "is no socket")
        #expect(problem(none, "2147483647") == "is not open")
    }

    @Test("have the names that the service manager has given them")
    func names() {
        // Numbers that no test has open.
        let variables = ["LISTEN_FDS": "4096", "LISTEN_PID": "77", "LISTEN_FDNAMES": "a:b"]
        let unknown = "is no socket that this process was given"
        #expect(problem(sockets(variables, process: 78), "a") == unknown)
        #expect(problem(sockets(variables.merging(["LISTEN_FDS": "-1"]) { $1 }), "a") == unknown)
        #expect(problem(sockets(variables.merging(["LISTEN_FDS": "99999999999999999999"]) { $1 }), "a") == unknown)
        #expect(problem(sockets(["LISTEN_FDS": "1"]), "a") == unknown)
    }
}

@Suite("The service manager")
struct ServiceManagerTests {
    @Test("hears what it is told, at a path or a name without a file", arguments: [true, false])
    func tell(hasFile: Bool) throws {
        let place = hasFile ? freshPath() : "@\(freshPath())"
        defer { unlink(place) }
        let address = try #require(SocketAddress(unixText: place))
        let reader = OwnedDescriptor(try checked(clinux_datagram_socket(), "socket"))
        let bound = address.withBytes { clinux_bind(reader.number, $0.baseAddress, address.length) }
        _ = try checked(bound, "bind")
        #expect(ServiceManager(place).tell(["READY=1", "STATUS=x"]) == nil)
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = clinux_receive(reader.number, &bytes, bytes.count)
        #expect(String(decoding: bytes.prefix(Int(max(0, count))), as: UTF8.self) == "READY=1\nSTATUS=x")
    }

    @Test("is not told where nobody asked, and it is said where it is not there")
    func nobody() {
        #expect(ServiceManager(nil).tell(["READY=1"]) == nil)
        #expect(
            ServiceManager("/nowhere/x").tell(["READY=1"])
                == "the service manager at NOTIFY_SOCKET cannot be told: connect: No such file or directory (ENOENT)")
        #expect(ServiceManager("").tell(["READY=1"]) == "NOTIFY_SOCKET  is no UNIX address")
    }
}
