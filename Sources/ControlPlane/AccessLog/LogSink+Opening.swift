import CLinux
import LinuxCalls

extension LogSink {
    /// The type bits of st_mode, shifted down by 12 (inode(7)).
    private enum FileKind {
        static let fifo: Int32 = 1
        static let characters: Int32 = 2
        static let directory: Int32 = 4
        static let socket: Int32 = 12
    }

    private static let standardOutput: Int32 = 1

    /// Opens the place, or connects to it.
    static func open(_ place: AccessLogPlace) throws(ValueProblem) -> LogSink {
        switch place {
        case .standardOutput:
            LogSink(place, kind(of: standardOutput), standardOutput, isOwned: false)
        case .file(let path):
            try file(path, place)
        case .socket(let path):
            try socket(path, place)
        }
    }

    private static func kind(of descriptor: Int32) -> Kind {
        switch clinux_kind(descriptor) {
        case FileKind.fifo, FileKind.characters: .pipe
        case FileKind.socket: .stream
        default: .file
        }
    }

    /// A FIFO is opened for reading as well: it then needs no reader to be opened, and what waits in it stays while readers
    /// come and go (fifo(7)).
    private static func file(_ path: String, _ place: AccessLogPlace) throws(ValueProblem) -> LogSink {
        let found = clinux_kind_at(path)
        switch found {
        case FileKind.socket: throw ValueProblem("is a socket", cure: "write unix:\(path)")
        case FileKind.directory: throw ValueProblem("is a directory", cure: "write the path of a file in it")
        default: break
        }
        let opened = found == FileKind.fifo ? clinux_open_fifo(path) : clinux_open_for_lines(path)
        guard opened >= 0 else { throw problem(SystemError(opened, in: "open")) }
        return LogSink(place, kind(of: opened), opened)
    }

    private static func problem(_ error: SystemError) -> ValueProblem {
        switch -error.code {
        case Errno.noEntry, Errno.notDirectory:
            ValueProblem(
                "is in a directory that does not exist (\(error.name))",
                cure: "make the directory or choose another path")
        case Errno.accessDenied, Errno.notPermitted, Errno.readOnly:
            ValueProblem(
                "may not be written (\(error.name))", cure: "let this user write there or choose another path")
        default:
            ValueProblem("cannot be opened: \(error)", cure: "choose another path")
        }
    }

    // MARK: Sockets

    /// A stream where the reader listens for one, a datagram socket where it reads those (EPROTOTYPE, unix(7)).
    private static func socket(_ path: String, _ place: AccessLogPlace) throws(ValueProblem) -> LogSink {
        guard let address = SocketAddress(unixText: path) else {
            throw ValueProblem("has no path", cure: "write unix:PATH")
        }
        do throws(SystemError) {
            do throws(SystemError) {
                let stream = try checked(clinux_socket(address.family), "socket")
                return LogSink(place, .stream, try connected(stream, address))
            } catch  where -error.code == Errno.protocolType {
                let datagram = try checked(clinux_datagram_socket(), "socket")
                return LogSink(place, .datagram, try connected(datagram, address))
            }
        } catch {
            throw connectProblem(error)
        }
    }

    private static func connected(_ number: Int32, _ address: SocketAddress) throws(SystemError) -> Int32 {
        let socket = OwnedDescriptor(number)
        let result = address.withBytes { clinux_connect(socket.number, $0.baseAddress, address.length) }
        _ = try checked(result, "connect")
        return socket.release()
    }

    private static func connectProblem(_ error: SystemError) -> ValueProblem {
        switch -error.code {
        case Errno.noEntry, Errno.notDirectory, Errno.refused:
            ValueProblem(
                "has nobody who listens (\(error.name))", cure: "start the program that reads it, or write a file")
        case Errno.again:
            ValueProblem("has a full accept queue (\(error.name))", cure: "see whether the program that reads it hangs")
        case Errno.accessDenied, Errno.notPermitted:
            ValueProblem("may not be connected to (\(error.name))", cure: "let this user write to the socket's file")
        default:
            ValueProblem("cannot be connected to: \(error)", cure: "choose another place")
        }
    }
}
