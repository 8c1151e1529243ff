import ArgumentParser
import ControlMessages
import ControlPlane

/// `longsplice reload`
struct Reload: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let a running longsplice serve take over its configuration file as it is now.",
        discussion: """
            What has changed is printed, a line for each. Where something is wrong with the file nothing changes, each \
            problem is a line on standard error, and the exit status is 1.
            """
    )

    @OptionGroup var process: ControlFlags

    func run() throws { try process.tell("/reload") }
}

/// `longsplice drain`
struct DrainProcess: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Let a running longsplice serve take no more connections, and end with the last one, as SIGTERM does."
    )

    @OptionGroup var process: ControlFlags

    func run() throws { try process.tell("/drain") }
}

extension ControlFlags {
    /// Prints what an order has changed.
    func tell(_ target: String, body: [UInt8] = []) throws(Refusal) {
        let done: ControlChanges = try call("POST", target, body: body)
        for change in done.changes { print(Escape.controls(in: change)) }
    }
}
