import ArgumentParser
import CLinux
import ControlPlane
import LinuxCalls
import Longsplice

/// `longsplice sendfile`
struct Sendfile: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a file over one connection, once.",
        discussion: """
            A peer that takes nothing for --timeout ends it, however slow one that takes something may be. When everything is \
            sent the writing side is shut, and the peer's end awaited for --timeout at most. The exit status is 0 when the \
            peer's kernel has acknowledged every byte, 1 when not.
            """
    )

    @Argument(help: ArgumentHelp("A regular file.", valueName: "FILE"))
    var file: String

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Where to connect: an address, [IPv6]:PORT, a name, or unix:PATH.", valueName: "HOST:PORT"))
    var to: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Or where to accept one client: as for --to.", valueName: "HOST:PORT"))
    var listen: [String] = []

    @Option(
        parsing: .unconditionalSingleValue, help: ArgumentHelp("Or an inherited, connected socket.", valueName: "N"))
    var fd: [String] = []

    @Option(parsing: .unconditional, help: ArgumentHelp("Where in the file to begin. (default: 0)", valueName: "SIZE"))
    var offset: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Bytes of the file. (default: all up to its end)", valueName: "SIZE"))
    var length: String?

    @OptionGroup var flags: SplicerFlags

    func run() throws {
        let engine = try flags.choice()
        let offset = try FlagReading.size(offset, "--offset", 0...Int.max) ?? 0
        let length = try FlagReading.size(length, "--length", 1...Int.max)
        let patience = try flags.patience()
        guard to.count + listen.count + fd.count == 1 else {
            throw Refusal(.usage, "sendfile sends over one connection; write one of --to, --listen and --fd, once")
        }
        try SplicerFlags.prepareProcess()
        let inherited = try fd.first.map(OneConnection.inherited)
        let source = try open()
        let count = try checkedCount(of: source, offset, length)
        let socket = try inherited ?? connection(patience)
        let cookie = clinux_socket_cookie(socket)
        let splicer = try SplicerFlags.splicer(engine)
        let begin = Clock.nowNanoseconds()
        let (sent, ending) = try sending(splicer, source, socket).send(UInt64(count), from: UInt64(offset), patience)
        var end = Clock.nowNanoseconds()
        let trouble: String?
        switch ending {
        case .complete:
            let arrival = Self.arrival(socket, patience.renewed())
            // A peer that was waited for in vain does not make the sending slower.
            if arrival == .complete { end = Clock.nowNanoseconds() }
            trouble = Self.trouble(arrival, patience.span)
        case .stalled:
            trouble = "the peer has taken nothing for \(patience.span), after \(sent) bytes; raise --timeout"
        case .failed(let error):
            if case .refused(let refusal) = error.reason { throw SplicerFlags.refusal(refusal) }
            trouble = error.description
        }
        let pace = ResultLine.pace(sent, end - begin)
        ResultLine.say("sent \(sent) of \(count) bytes \(pace)", besides: [cookie])
        if let trouble { throw Refusal(.failure, "\(file): \(trouble)") }
    }

    /// It stays open until the process ends.
    private func open() throws(Refusal) -> Int32 {
        // Opening a FIFO would wait for its writer, so it is looked at before.
        let kind = clinux_kind_at(file)
        let regular: Int32 = 8  // S_IFREG >> 12
        guard kind < 0 || kind == regular else {
            throw Refusal(.failure, "\(file): is no regular file; sendfile sends those")
        }
        let source = clinux_open_file(file)
        guard source >= 0 else {
            throw Refusal(.failure, "\(file): \(SystemError(source, in: "open")); name a file that can be read")
        }
        return source
    }

    /// Bytes to send. What is not there is refused before anything is sent.
    private func checkedCount(of source: Int32, _ offset: Int, _ length: Int?) throws(Refusal) -> Int {
        let size = Int(clinux_file_size(source))
        guard size >= 0 else { throw Refusal(.failure, "\(file): is no regular file; sendfile sends those") }
        guard offset <= size else {
            throw Refusal(
                .failure, flag: "--offset", value: "\(offset)",
                ValueProblem("is beyond the end of \(file)", cure: "write at most \(size)"))
        }
        if let length, length > size - offset {
            throw Refusal(
                .failure, flag: "--length", value: "\(length)",
                ValueProblem("is more than \(file) has there", cure: "write at most \(size - offset)"))
        }
        return length ?? size - offset
    }

    private func connection(_ patience: Patience) throws(Refusal) -> Int32 {
        if let address = to.first {
            return try OneConnection.connected(to: OneConnection.Target(address, "--to"), patience).release()
        }
        return try OneConnection.accepted(at: listen[0], patience).release()
    }

    private func sending(_ splicer: Splicer, _ source: Int32, _ socket: Int32) throws(Refusal) -> WatchedSending {
        do throws(SystemError) {
            return try WatchedSending(splicer, source, to: socket)
        } catch {
            throw Refusal(.failure, "\(error); raise RLIMIT_NOFILE with ulimit -n")
        }
    }

    private static func arrival(_ socket: Int32, _ patience: Patience) -> Arrival {
        let shut = clinux_shutdown_write(socket)
        return shut < 0 ? .lost(SystemError(shut, in: "shutdown")) : Arrival.await(socket, patience)
    }

    /// Nil when everything has arrived.
    private static func trouble(_ arrival: Arrival, _ span: TimeSpan) -> String? {
        switch arrival {
        case .complete: return nil
        case .lost(let error):
            return "the connection was lost before its peer had acknowledged everything: \(error.reason)"
        case .late: return "the peer has not acknowledged everything within \(span); raise --timeout"
        case .withoutEnd:
            StandardError.shared.write(
                "longsplice: warning: everything has arrived, and the peer has not ended its stream within \(span)")
            return nil
        }
    }
}
