import ArgumentParser
import CLinux
import ControlPlane
import LinuxCalls
import LoadGenerator

/// `longsplice bench peer`
struct BenchPeer: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peer",
        abstract: "The far end: plays the other side of every run that reaches it.",
        discussion: "It needs no configuration: each connection brings its plan along. SIGTERM and SIGINT end it."
    )

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Where to accept: an address, [IPv6]:PORT, a name, or unix:PATH. Port 0 lets the kernel choose. Repeatable.",
            valueName: "HOST:PORT"))
    var listen: [String] = []

    @Option(parsing: .unconditional, help: ArgumentHelp("Threads, 1 to 64. (default: 1)", valueName: "N"))
    var threads: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Length of the accept queue, 1 to 65535, capped by net.core.somaxconn. (default: 4096)", valueName: "N"))
    var backlog: String?

    func run() throws {
        let signals = try BenchSignals()
        let threads = try FlagReading.number(threads, "--threads", 1...64) ?? 1
        let backlog = try FlagReading.number(backlog, "--backlog", 1...65_535) ?? 4096
        let places = try BenchPlaces.addresses(listen, "--listen", ports: 0...65_535)
        for place in places { try BenchPlaces.clearWay(to: place) }
        let peer = try BenchPlaces.failing("the peer cannot listen") { () throws(SystemError) in
            try Peer(places, threads: threads, backlog: Int32(backlog))
        }
        let files = peer.addresses.compactMap { SocketFile(madeBy: $0) }
        for address in peer.addresses { StandardError.shared.write("listening on \(address)") }
        while signals.next(milliseconds: 1_000) == nil {}
        peer.stop()
        for file in files { file.remove() }
    }
}
