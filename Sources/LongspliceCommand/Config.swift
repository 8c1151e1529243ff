import ArgumentParser
import ControlPlane

/// `longsplice config`
struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write what a configuration file may hold: as a schema for editors, or as an example.")

    @Flag(help: "A JSON Schema (draft 2020-12) of all keys.")
    var schema = false

    @Flag(help: "A commented file with all keys.")
    var example = false

    func run() throws {
        guard schema != example else {
            throw Refusal(.usage, "longsplice config writes one thing; say either --schema or --example")
        }
        print(schema ? ConfigurationFile.schema : ConfigurationFile.example, terminator: schema ? "\n" : "")
    }
}
