import CLinux
import ControlPlane
import LinuxCalls

/// One connected socket, by one of three ways.
enum OneConnection {
    /// Where to connect, looked up.
    struct Target {
        let flag: String
        let text: String
        /// One or more, of one name.
        let addresses: [SocketAddress]

        init(_ text: String, _ flag: String) throws(Refusal) {
            self.flag = flag
            self.text = text
            addresses = try BenchPlaces.addresses([text], flag, ports: 1...65_535)
        }
    }

    /// Listens, and accepts the first client. Nobody is listened to after it.
    static func accepted(at text: String, _ patience: Patience) throws(Refusal) -> OwnedDescriptor {
        let address = try BenchPlaces.addresses([text], "--listen", ports: 0...65_535)[0]
        let listener: BoundListener
        do throws(ValueProblem) {
            listener = try BoundListener(address, workers: 1, backlog: 1)
        } catch {
            throw Refusal(.failure, flag: "--listen", value: text, error)
        }
        defer { listener.file?.remove() }
        guard let socket = listener.take() else { preconditionFailure("BoundListener: made for no worker") }
        let open = OwnedDescriptor(socket.socket)
        StandardError.shared.write("listening on \(listener.address)")
        while true {
            let client = clinux_accept(open.number)
            if client >= 0 { return OwnedDescriptor(client) }
            switch client {
            // A client that has gone again before it was accepted.
            case Errno.again, Errno.interrupted, Errno.aborted, Errno.protocolError: break
            default: throw problem("--listen", text, "cannot accept: \(SystemError(client, in: "accept4"))")
            }
            if patience.isOver {
                throw Refusal(
                    .failure, flag: "--listen", value: text,
                    ValueProblem("nobody came within \(patience.span)", cure: "connect sooner or raise --timeout"))
            }
            patience.awaitReading(open.number)
        }
    }

    /// Connects to the first one that answers.
    static func connected(to target: Target, _ patience: Patience) throws(Refusal) -> OwnedDescriptor {
        var why = ""
        for address in target.addresses {
            do throws(SystemError) {
                return try connected(to: address, patience)
            } catch {
                why = "\(error)"
            }
        }
        throw problem(target.flag, target.text, "cannot be connected to: \(why)")
    }

    private static func connected(to address: SocketAddress, _ patience: Patience) throws(SystemError)
        -> OwnedDescriptor
    {
        let socket = OwnedDescriptor(try checked(clinux_socket(address.family), "socket"))
        while true {
            let result = address.withBytes { clinux_connect(socket.number, $0.baseAddress, address.length) }
            if result == 0 { return socket }
            if result == Errno.inProgress { break }
            // A UNIX listener whose accept queue is full, which nobody announces the end of (connect(2)).
            guard result == Errno.again, !patience.isOver else { throw SystemError(result, in: "connect") }
            patience.doze()
        }
        while clinux_wait_for_room(socket.number, -1, 0) == 0 {
            if patience.isOver { throw SystemError(Errno.timedOut, in: "connect") }
            patience.awaitWriting(socket.number)
        }
        _ = try checked(clinux_pending_error(socket.number), "connect")
        return socket
    }

    /// A number that the process was started with. To be called before anything is opened here, since a number that was not
    /// inherited is soon somebody else's.
    static func inherited(_ text: String) throws(Refusal) -> Int32 {
        let number = Int32(try FlagReading.number(text, "--fd", 0...Int(Int32.max)) ?? 0)
        let type = clinux_socket_type(number)
        if type >= 0 { return number }
        throw Refusal(
            .failure, flag: "--fd", value: text,
            type == Errno.notSocket
                ? ValueProblem("is open and no socket", cure: "give the number of a connected socket")
                : ValueProblem("is not open", cure: "start longsplice with a socket of that number"))
    }

    private static func problem(_ flag: String, _ text: String, _ reason: String) -> Refusal {
        Refusal(
            .failure, flag: flag, value: text,
            ValueProblem(reason, cure: "check the address and that somebody is there, or see longsplice doctor"))
    }
}
