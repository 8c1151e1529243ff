@testable import ControlPlane

/// Reading a text as if it were a file called `f`, on a machine with two processors and pipes of 1 MiB.
func readFile(_ text: String, _ environment: [String: String] = [:]) throws(FileProblems) -> ConfigurationFile {
    try readFile(bytes: Array(text.utf8), environment)
}

func readFile(bytes: [UInt8], _ environment: [String: String] = [:]) throws(FileProblems) -> ConfigurationFile {
    try ConfigurationFile(
        bytes, file: "f", workersByDefault: 2, pipeBytesMax: 1 << 20, environment: { environment[$0] })
}

/// What is wrong with a file, a line for each; empty where nothing is.
func problems(_ text: String, _ environment: [String: String] = [:]) -> [String] {
    problems(bytes: Array(text.utf8), environment)
}

func problems(bytes: [UInt8], _ environment: [String: String] = [:]) -> [String] {
    do throws(FileProblems) {
        _ = try readFile(bytes: bytes, environment)
        return []
    } catch {
        return error.problems.map(\.line)
    }
}

/// Two lines that suffice, so that what is written before them begins in line 1.
let places = """
    listeners: [{ name: l, bind: ["127.0.0.1:0"] }]
    pools: [{ name: p, servers: [echo] }]
    """
