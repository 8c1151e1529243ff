import Glibc
import Testing

@testable import ControlPlane

@Suite("The example and the schema of a configuration file")
struct ConfigurationExampleTests {
    @Test("the example is good, and names every key")
    func example() throws {
        let file = try readFile(ConfigurationFile.example)
        #expect(file.warnings.isEmpty && file.configuration.maxConnections == 400)
        for key in Self.keys(Schema.document(ProcessKeys.all(pipeBytesMax: 1 << 20))) {
            #expect(ConfigurationFile.example.contains("\(key):"), "\(key) is not in the example")
        }
    }

    @Test("what the example calls defaults are the defaults")
    func exampleDefaults() throws {
        let (file, plain) = (try readFile(ConfigurationFile.example).configuration, try readFile(places).configuration)
        #expect(file.engine == plain.engine && file.relay == plain.relay && file.ring == plain.ring)
        #expect(file.pipeBytes == plain.pipeBytes && file.chunkBytes == plain.chunkBytes)
        #expect(file.buffers == plain.buffers && file.spinMicros == plain.spinMicros)
        #expect(file.drainMillis == plain.drainMillis && file.listeners[0].backlog == plain.listeners[0].backlog)
        let (timeouts, other) = (file.pools[0].timeouts, plain.pools[0].timeouts)
        #expect(timeouts.connectMillis == other.connectMillis && timeouts.idleMillis == other.idleMillis)
        #expect(timeouts.finMillis == other.finMillis)
    }

    @Test("the file for deployments is good")
    func deployed() throws {
        let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let file = try readFile(bytes: try ConfigurationFile.bytes(of: "/\(root)/deploy/edge.yaml"))
        #expect(file.warnings.isEmpty && file.configuration.pools.count == 2)
    }

    @Test("the schema has every key, its range and its default")
    func schema() {
        let schema = ConfigurationFile.schema
        #expect(schema.hasPrefix("{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\","))
        #expect(Self.keys(Schema.document(ProcessKeys.all(pipeBytesMax: 1 << 20))).count == 116)
        #expect(schema.contains("\"maximum\": 256") && schema.contains("\"default\": \"round_robin\""))
    }

    @Test("a file that cannot be read is refused with its name")
    func unreadable() {
        let refused = refusal { () throws(Refusal) in _ = try ConfigurationFile.bytes(of: "/nowhere/f") }
        #expect(
            refused?.sentence == "--config /nowhere/f: cannot be read (ENOENT); name a file that this user may read")
        let folder = refusal { () throws(Refusal) in _ = try ConfigurationFile.bytes(of: "/tmp") }
        #expect(folder?.sentence == "--config /tmp: cannot be read (EISDIR); name a file that this user may read")
    }

    @Test("files that a configuration names and that are not there are told")
    func missingFiles() throws {
        let file = try readFile(
            """
            access_log: { to: /nowhere/log }
            listeners: [{ name: l, bind: [unix:/nowhere/x, unix:/tmp/x] }]
            pools: [{ name: p, servers: [echo], fallback_file: /nowhere/page }]
            """)
        #expect(
            Set(file.missingFiles.map(\.line)) == [
                "f:1:19: access_log.to /nowhere/log: is in a directory that does not exist; make the directory or choose another path",
                "f:2:31: listeners[0].bind[0] unix:/nowhere/x: is in a directory that does not exist; make the directory or choose another path",
                "f:3:52: pools[0].fallback_file /nowhere/page: does not exist; name a file that does",
            ])
    }

    /// The names of all properties of a schema.
    private static func keys(_ schema: JSONValue) -> [String] {
        switch schema {
        case .object(let members):
            members.flatMap { name, value in
                guard name == "properties", case .object(let properties) = value else { return keys(value) }
                return properties.flatMap { [$0] + keys($1) }
            }
        case .list(let items): items.flatMap(keys)
        case .string, .number, .truth: []
        }
    }
}

@Suite("Flags beside a configuration file")
struct FlagsBesideFileTests {
    @Test("every flag is known, and refused but for two")
    func flags() {
        var flags = ServeFlags()
        #expect(flags.given.isEmpty)
        flags.listen = ["a"]
        flags.upstream = ["a"]
        flags.source = ["a"]
        flags.acceptProxy = ["a"]
        for path in Self.optional { flags[keyPath: path] = "a" }
        #expect(Mirror(reflecting: flags).children.count == flags.given.count)
        #expect(Set(flags.given.map(\.flag)).count == flags.given.count)
        let refused = refusal { () throws(Refusal) in try flags.refuseBesideFile() }
        #expect(
            refused?.line
                == "longsplice: --listen cannot go with --config; write listeners[].bind into the file, or leave --config out"
        )
        #expect(refused?.kind.exitStatus == 64)
    }

    @Test("the log's format and level go with a file")
    func logFlags() {
        var flags = ServeFlags()
        flags.logLevel = "debug"
        flags.logFormat = "json"
        #expect(refusal { () throws(Refusal) in try flags.refuseBesideFile() } == nil)
        flags.stats = "1s"
        #expect(refusal { () throws(Refusal) in try flags.refuseBesideFile() }?.sentence.hasPrefix("--stats ") == true)
    }

    private static var optional: [WritableKeyPath<ServeFlags, String?>] {
        [
            \.balance, \.fallbackFile, \.sendProxy, \.engine, \.relay, \.bufferSize, \.buffers, \.spinMicros,
            \.ringDepth,
            \.completionDepth, \.workQueueThreads, \.taskRun, \.workers, \.pipeSize, \.chunkSize, \.maxConnections,
            \.maxConnectionsPerClient, \.backlog, \.connectTimeout, \.idleTimeout, \.finTimeout, \.drainTimeout,
            \.logFormat, \.logLevel, \.stats, \.accessLog, \.accessLogFormat, \.control,
        ]
    }
}
