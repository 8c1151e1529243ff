import ArgumentParser
import CLinux
import ControlPlane
import LinuxCalls
import Longsplice

/// `longsplice splice`
struct Splice: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tie two connected sockets, once, and say what became of them.",
        discussion: """
            The one call of the library, as a program: accept one client, connect to one server, splice(2) both ways until both \
            are done. Silence does not end it: --timeout bounds the accepting and the connecting, and, behind --length, how long \
            what was sent may take to arrive. The exit status is 0 when everything was delivered, 1 when a connection was lost.
            """
    )

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Where to accept one client, the first socket: an address, [IPv6]:PORT, a name, or unix:PATH.",
            valueName: "HOST:PORT"))
    var listen: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Where to connect, the second socket: as for --listen.", valueName: "HOST:PORT"))
    var connect: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Inherited sockets instead, both connected: given twice, the first socket first.", valueName: "N"))
    var fd: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Bytes from the first to the second socket, at most; the way back has no bound. (default: no bound)",
            valueName: "SIZE"))
    var length: String?

    @Flag(help: "Nothing goes from the second socket to the first one.")
    var oneWay = false

    @OptionGroup var flags: SplicerFlags

    func run() throws {
        let engine = try flags.choice()
        let length = try FlagReading.size(length, "--length", 1...Int.max).map(UInt64.init)
        let patience = try flags.patience()
        try checkPlaces()
        try SplicerFlags.prepareProcess()
        let (first, second) = try sockets(patience)
        let cookies = [clinux_socket_cookie(first), clinux_socket_cookie(second)]
        let splicer = try SplicerFlags.splicer(engine)
        let outcome = try Self.splice(splicer, first, second, length, oneWay ? .oneWay : [])
        // What lies unread behind the length would turn the end of this process into a reset, before the rest is sent.
        if outcome.ending == .lengthReached {
            let patience = patience.renewed()
            Arrival.awaitAcknowledgement(first, patience)
            Arrival.awaitAcknowledgement(second, patience)
        }
        ResultLine.say(outcome.text, besides: cookies)
        throw ExitCode(outcome.isWhole ? 0 : 1)
    }

    private func checkPlaces() throws(Refusal) {
        if fd.isEmpty {
            guard listen.count == 1, connect.count == 1 else {
                throw Refusal(
                    .usage, "splice ties two sockets; write --listen and --connect once each, or --fd twice")
            }
        } else {
            guard fd.count == 2, listen.isEmpty, connect.isEmpty else {
                throw Refusal(
                    .usage,
                    "--fd \(fd[0]): goes with another --fd and nothing else; write --fd twice, without --listen and --connect"
                )
            }
        }
    }

    /// Both stay open until the process ends.
    private func sockets(_ patience: Patience) throws(Refusal) -> (Int32, Int32) {
        if !fd.isEmpty { return (try OneConnection.inherited(fd[0]), try OneConnection.inherited(fd[1])) }
        let target = try OneConnection.Target(connect[0], "--connect")
        let first = try OneConnection.accepted(at: listen[0], patience)
        let second = try OneConnection.connected(to: target, patience.renewed())
        return (first.release(), second.release())
    }

    private static func splice(
        _ splicer: Splicer, _ first: Int32, _ second: Int32, _ length: UInt64?, _ options: SplicingOptions
    ) throws(Refusal) -> SplicingOutcome {
        do throws(SpliceError) {
            return try splicer.spliceBlocking(
                Descriptor(first), to: Descriptor(second), length: length, options: options)
        } catch {
            throw SplicerFlags.refusal(error)
        }
    }
}

extension SplicingOutcome {
    /// Nothing was lost.
    fileprivate var isWhole: Bool {
        switch ending {
        case .finished, .lengthReached: undeliveredToSecond.isEmpty && undeliveredToFirst.isEmpty
        case .cancelled, .reset, .failed: false
        }
    }

    fileprivate var text: String {
        let (seconds, attoseconds) = duration.components
        let pace = ResultLine.pace(bytesToFirst + bytesToSecond, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        var text = "\(words): \(bytesToSecond) bytes to the second, \(bytesToFirst) bytes to the first, \(pace)"
        if !undeliveredToSecond.isEmpty || !undeliveredToFirst.isEmpty {
            text +=
                "\nundelivered: \(undeliveredToSecond.count) bytes to the second, \(undeliveredToFirst.count) bytes to the first"
        }
        return text
    }

    private var words: String {
        let ending =
            switch ending {
            case .finished: "finished"
            case .lengthReached: "length reached"
            case .cancelled: "cancelled"
            case .reset: "reset"
            case .failed: "failed"
            }
        return switch endedBy {
        case .first: "\(ending), by the first socket"
        case .second: "\(ending), by the second socket"
        case nil: ending
        }
    }
}
