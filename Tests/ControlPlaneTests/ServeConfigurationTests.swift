import DataPlane
import Testing

@testable import ControlPlane

@Suite("The flags of serve")
struct ServeConfigurationTests {
    private static func flags(_ change: (inout ServeFlags) -> Void = { _ in }) -> ServeFlags {
        var flags = ServeFlags()
        flags.listen = ["127.0.0.1:0"]
        flags.upstream = ["echo"]
        change(&flags)
        return flags
    }

    private static func refusal(_ change: (inout ServeFlags) -> Void) -> Refusal? {
        let flags = flags(change)
        return ControlPlaneTests.refusal { () throws(Refusal) in
            _ = try ServeConfiguration(flags, workersByDefault: 2, pipeBytesMax: 1 << 20)
        }
    }

    @Test("nothing but places is needed")
    func defaults() throws {
        let configuration = try ServeConfiguration(Self.flags(), workersByDefault: 3, pipeBytesMax: 1 << 20)
        #expect(configuration.workers == 3)
        #expect(configuration.engine == .auto)
        #expect(configuration.ring.ringDepth == 256 && configuration.ring.completionDepth == 4096)
        #expect(configuration.ring.workQueueThreads == 1 && configuration.ring.taskRun == .deferred)
        #expect(configuration.pipeBytes == 1 << 20 && configuration.chunkBytes == 1 << 20)
        #expect(configuration.maxConnections == nil && configuration.listeners[0].backlog == 4096)
        let pool = configuration.pools[0]
        #expect(pool.balance == .roundRobin && pool.retries == nil && pool.fallback == nil && pool.sources.isEmpty)
        #expect(pool.timeouts.connectMillis == 5_000 && pool.timeouts.idleMillis == 3_600_000)
        #expect(pool.timeouts.finMillis == 30_000 && configuration.drainMillis == 30_000)
        #expect(configuration.logFormat == .text && configuration.logLevel == .info && configuration.statsMillis == nil)
        #expect(configuration.accessLog == nil && configuration.maxConnectionsPerClient == nil)
    }

    @Test("every flag is read")
    func everyFlag() throws {
        let flags = Self.flags {
            $0.listen = ["127.0.0.1:1", "unix:/tmp/x"]
            $0.upstream = ["127.0.0.1:2", "echo", "localhost:3"]
            $0.engine = "epoll"
            $0.relay = "splice"
            $0.ringDepth = "8192"
            $0.completionDepth = "16384"
            $0.workQueueThreads = "4"
            $0.taskRun = "coop"
            $0.workers = "7"
            $0.pipeSize = "256KiB"
            $0.chunkSize = "64KiB"
            $0.maxConnections = "99"
            $0.backlog = "17"
            $0.balance = "source_hash"
            $0.fallbackFile = "/page"
            $0.acceptProxy = ["10.0.0.0/8", "unix"]
            $0.sendProxy = "v2"
            $0.source = ["127.0.0.9"]
            $0.connectTimeout = "1s"
            $0.idleTimeout = "2m"
            $0.finTimeout = "3ms"
            $0.drainTimeout = "4h"
            $0.logFormat = "json"
            $0.logLevel = "critical"
            $0.stats = "100ms"
            $0.accessLog = "unix:/run/x"
            $0.accessLogFormat = "text"
            $0.maxConnectionsPerClient = "5"
        }
        let configuration = try ServeConfiguration(flags, workersByDefault: 3, pipeBytesMax: 1 << 20)
        #expect(configuration.listeners.map { $0.bind.map(\.value.text) } == [flags.listen])
        let pool = try #require(configuration.pools.first)
        #expect(configuration.pools.count == 1 && pool.servers.count == 3 && configuration.hasEcho)
        #expect(pool.balance == .sourceHash && pool.fallback?.value == "/page" && pool.header == HeaderRules(.v2))
        let proxies = try AddressBlock("10.0.0.0/8")
        #expect(configuration.listeners.map(\.proxies) == [[proxies]])
        #expect(configuration.listeners.map(\.hasUNIXProxies) == [true])
        #expect(pool.sources.map(\.value.host) == flags.source)
        #expect(configuration.engine == .epoll && configuration.ring.taskRun == .cooperative)
        #expect(configuration.ring.ringDepth == 8192 && configuration.ring.completionDepth == 16384)
        #expect(configuration.ring.workQueueThreads == 4 && configuration.workers == 7)
        #expect(configuration.pipeBytes == 1 << 18 && configuration.chunkBytes == 1 << 16)
        #expect(configuration.maxConnections == 99 && configuration.listeners[0].backlog == 17)
        #expect(pool.timeouts.connectMillis == 1_000 && pool.timeouts.idleMillis == 120_000)
        #expect(pool.timeouts.finMillis == 3 && configuration.drainMillis == 14_400_000)
        #expect(configuration.logFormat == .json && configuration.logLevel == .critical)
        #expect(configuration.statsMillis == 100)
        #expect(configuration.accessLog == .socket(path: "/run/x") && configuration.accessLogFormat == .text)
        #expect(configuration.maxConnectionsPerClient == 5)
    }

    @Test("the completion queue follows a deeper ring, and the chunk a smaller pipe")
    func dependentDefaults() throws {
        let flags = Self.flags {
            $0.ringDepth = "32768"
            $0.pipeSize = "64KiB"
        }
        let configuration = try ServeConfiguration(flags, workersByDefault: 1, pipeBytesMax: 1 << 20)
        #expect(configuration.ring.completionDepth == 32_768)
        #expect(configuration.chunkBytes == 65_536)
    }

    @Test("a machine with small pipes gives small pipes when none are asked for")
    func smallPipes() throws {
        let configuration = try ServeConfiguration(Self.flags(), workersByDefault: 1, pipeBytesMax: 1 << 16)
        #expect(configuration.pipeBytes == 1 << 16 && configuration.chunkBytes == 1 << 16)
    }

    @Test("flags that contradict each other are named both")
    func contradictions() {
        let depths = Self.refusal {
            $0.ringDepth = "1024"
            $0.completionDepth = "16"
        }
        #expect(depths?.sentence == "--cq-depth 16: is less than --ring-depth 1024; write at least 1024")
        let sizes = Self.refusal {
            $0.pipeSize = "4096"
            $0.chunkSize = "1MiB"
        }
        #expect(
            sizes?.sentence
                == "--chunk-size 1MiB: is more than a pipe of --pipe-size 4KiB holds; write at most 4KiB or leave it out"
        )
        #expect(sizes?.kind == .usage)
    }

    @Test("a format without an access log is refused")
    func formatAlone() {
        #expect(
            Self.refusal { $0.accessLogFormat = "json" }?.sentence
                == "--access-log-format json: is for an access log, and there is none; add --access-log or leave it out"
        )
    }

    @Test("a choice that does not exist is answered with those that do")
    func choices() {
        #expect(
            Self.refusal { $0.engine = "kqueue" }?.sentence
                == "--engine kqueue: is none that exists; write one of auto, uring, epoll")
        #expect(
            Self.refusal { $0.relay = "sendfile" }?.sentence
                == "--relay sendfile: is none that exists; write one of adaptive, splice, copy")
    }

    @Test("a pipe above what the machine allows is refused with the sysctl's name")
    func largePipe() {
        #expect(
            Self.refusal { $0.pipeSize = "2MiB" }?.sentence
                == "--pipe-size 2MiB: is out of range; write a size from 4KiB to 1MiB (fs.pipe-max-size)")
    }

    @Test("missing places are asked for with an example")
    func missing() {
        #expect(Self.refusal { $0.listen = [] }?.sentence.hasPrefix("--listen is missing; say ") == true)
        #expect(Self.refusal { $0.upstream = [] }?.sentence.hasPrefix("--upstream is missing; say ") == true)
    }

    @Test("more upstreams than an index can name are refused")
    func manyUpstreams() {
        let refusal = Self.refusal { $0.upstream = Array(repeating: "127.0.0.1:1", count: 65_536) }
        #expect(refusal?.sentence == "--upstream is given 65536 times; 65535 is the most")
    }

    @Test("every wrong command line is a usage error, status 64, on one line")
    func status() {
        let refusal = Self.refusal { $0.listen = ["no\nport"] }
        #expect(refusal?.kind.exitStatus == 64)
        #expect(
            refusal?.line == #"longsplice: --listen no\nport: has no port; write HOST:PORT, [IPv6]:PORT or unix:PATH"#)
    }

    @Test("a value that would fill the screen is cut short")
    func longValue() {
        let refusal = Self.refusal { $0.engine = String(repeating: "x", count: 5_000) }
        #expect(refusal?.sentence.hasPrefix("--engine " + String(repeating: "x", count: 100) + "…: is none") == true)
    }
}
