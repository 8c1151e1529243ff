import ArgumentParser
import ControlMessages
import ControlPlane
import ControlSocket

/// `longsplice server`
struct Servers: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server",
        abstract: "Look at the servers of a running longsplice serve, and change them.",
        discussion: """
            Changes hold until the next reload, which takes the file's word again. Sessions stay as they are.
            """,
        subcommands: [List.self, Drain.self, Enable.self, Weight.self, Add.self, Remove.self])

    /// Which server; for all subcommands but `list`.
    struct Place: ParsableArguments {
        @OptionGroup var process: ControlFlags
        @Argument(help: "The pool's name; upstream where flags are served.") var pool: String
        @Argument(help: "The server as `server list` names it: HOST:PORT, [IPv6]:PORT or unix:PATH.") var server: String

        func tell(_ order: ServerOrder) throws(Refusal) {
            let target = "/pools/\(PercentEscape.escaped(pool))/servers/\(PercentEscape.escaped(server))"
            try process.tell(target, body: ControlJSON.bytes(ServerAction(order)))
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "A line for each server.")
        @OptionGroup var process: ControlFlags
        @Argument(help: "Only of this pool.") var pool: String?
        @Flag(help: "What GET /pools answers, as it is.") var json = false

        func run() throws {
            if json {
                print(String(decoding: try process.call("GET", "/pools"), as: UTF8.self), terminator: "")
                return
            }
            let pools: [ControlPool] = try process.call("GET", "/pools")
            if let pool, !pools.contains(where: { $0.name == pool }) {
                let names = pools.map(\.name).joined(separator: ", ")
                throw Refusal(.failure, "there is no pool \(pool); the pools are \(names)")
            }
            for each in pools where pool == nil || each.name == pool {
                for server in each.servers { print(Escape.controls(in: Self.line(server, of: each.name))) }
            }
        }

        /// `web 192.0.2.1:80 up, weight 1, 12 connections`
        private static func line(_ server: ControlServer, of pool: String) -> String {
            var parts = [
                StatusText.words(server.state), "weight \(server.weight)", "\(server.connections) connections",
            ]
            if server.backup { parts.append("backup") }
            if server.state == .ejected, let seconds = server.ejectedForSeconds {
                parts[0] += " for \(StatusText.span(Int64(seconds.rounded(.up)))) more"
            }
            if let failures = server.failuresInRow, failures > 0 { parts.append("\(failures) failures in a row") }
            if server.state == .down, let why = server.health?.lastFailure { parts.append("its last check \(why)") }
            return "\(pool) \(server.name) \(parts.joined(separator: ", "))"
        }
    }

    struct Drain: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "It gets no more connections; those it has stay.")
        @OptionGroup var place: Place
        func run() throws { try place.tell(.drain) }
    }

    struct Enable: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "It gets connections again.")
        @OptionGroup var place: Place
        func run() throws { try place.tell(.enable) }
    }

    struct Weight: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Its share of new connections.")
        @OptionGroup var place: Place
        @Argument(help: ArgumentHelp("1 to 256.", valueName: "N")) var weight: Int
        func run() throws { try place.tell(.weight(weight)) }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "A server that its pool does not have yet.")
        @OptionGroup var place: Place
        @Option(help: ArgumentHelp("1 to 256. (default: 1)", valueName: "N")) var weight: Int?
        @Flag(help: "Only tried when none of the others could be connected.") var backup = false
        func run() throws { try place.tell(.add(weight: weight, isBackup: backup)) }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "It is forgotten; its sessions go on to their end.")
        @OptionGroup var place: Place
        func run() throws { try place.tell(.remove) }
    }
}
