import ArgumentParser
import ControlPlane
import ControlSocket
import Glibc

/// `longsplice plan`
struct Plan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what a running longsplice serve would change if it took over a configuration file.",
        discussion: """
            A line for each change, with the connections that go on where something would be removed; nothing is \
            changed. Where something is wrong with the file each problem is a line on standard error, and the exit \
            status is 1. Whether new addresses can be bound and names looked up is only seen by longsplice reload.
            """
    )

    @Option(help: ArgumentHelp("The file; the one that is served where it is not given.", valueName: "FILE"))
    var config: String?

    @OptionGroup var process: ControlFlags

    func run() throws {
        let body = try config.map { path throws(Refusal) in
            ControlJSON.bytes(PlanRequest(path: try Self.absolute(path)))
        }
        try process.tell("/plan", body: body ?? [])
    }

    /// The process may be in another directory.
    private static func absolute(_ path: String) throws(Refusal) -> String {
        guard let found = realpath(path, nil) else {
            throw Refusal(
                .failure, flag: "--config", value: path,
                ValueProblem("cannot be read: \(String(cString: strerror(errno)))", cure: "name a file that is there"))
        }
        defer { free(found) }
        return String(cString: found)
    }
}
