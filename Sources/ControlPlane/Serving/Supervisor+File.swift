import Glibc
import Logging

extension Supervisor {
    /// All of `longsplice serve --config`: returns the exit status.
    ///
    /// Throws `FileProblems` for what is wrong with the file, a `Refusal` for everything else.
    /// - Parameters:
    ///   - flags: those given beside it.
    ///   - opening: how a control socket is served.
    package static func run(file path: String, _ flags: ServeFlags, opening: ControlOpening) throws -> Int32 {
        try flags.refuseBesideFile()
        let machine = try Machine.ofThisProcess()
        let format = try FlagReading.choice(flags.logFormat, "--log-format") as LogFormat?
        let level = try FlagReading.choice(flags.logLevel, "--log-level") as Logger.Level?
        func read(_ other: String?) throws -> (configuration: ServeConfiguration, warnings: [String]) {
            let file = try ConfigurationFile(other ?? path, on: machine)
            var configuration = file.configuration
            configuration.logFormat = format ?? configuration.logFormat
            configuration.logLevel = level ?? configuration.logLevel
            return (configuration, file.warnings.map(\.line))
        }
        let (configuration, warnings) = try read(nil)
        return try Supervisor(configuration, on: machine, warnings: warnings, source: read, opening: opening).run()
    }
}

extension ConfigurationFile {
    /// Reads a file for this process. Throws `FileProblems` for what is wrong with what it says, a `Refusal` where it cannot be read.
    package init(_ path: String, on machine: Machine) throws {
        try self.init(
            try Self.bytes(of: path), file: path, workersByDefault: machine.workersByDefault,
            pipeBytesMax: machine.pipeBytesMax,
            environment: { name in getenv(name).flatMap { String(validatingCString: $0) } })
    }

    /// `FILE is good`, and what it would serve.
    package func summary(_ path: String) -> String {
        func count(_ count: Int, _ one: String, _ many: String) -> String { "\(count) \(count == 1 ? one : many)" }
        let servers = configuration.pools.reduce(0) { $0 + $1.servers.count }
        let names = configuration.namesOfServers.count
        return Escape.controls(
            in: "\(path) is good: \(count(configuration.listeners.count, "listener", "listeners")) on "
                + "\(count(configuration.bindCount, "address", "addresses")), "
                + "\(count(configuration.pools.count, "pool", "pools")) with \(count(servers, "server", "servers"))"
                + (names > 0 ? " and \(count(names, "name", "names")) of servers" : ""))
    }
}
