import CLinux
import Glibc
import LinuxCalls
import Testing

@testable import ControlPlane

/// A path that nothing is at.
func freshPath() -> String {
    "/tmp/longsplice-test-\(getpid())-\(UInt64.random(in: 0...UInt64.max)).sock"
}

@Suite("Listeners")
struct ListenerTests {
    private func unixAddress(_ path: String) throws -> SocketAddress { try #require(SocketAddress(unixPath: path)) }

    private func bind(_ address: SocketAddress, workers: Int = 2) throws(ValueProblem) -> BoundListener {
        try BoundListener(address, workers: workers, backlog: 16)
    }

    private func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    @Test("port 0 becomes one real port for all workers", arguments: ["127.0.0.1", "::1"])
    func portZero(host: String) throws {
        let listener = try bind(try #require(SocketAddress(numeric: host, port: 0)), workers: 3)
        #expect(listener.address.port != 0)
        var ports: Set<UInt16> = []
        var count = 0
        while let taken = listener.take() {
            ports.insert(try SocketAddress.local(of: taken.socket).port)
            count += 1
            close(taken.socket)
        }
        #expect(count == 3 && ports == [listener.address.port])
    }

    @Test("a port that somebody listens on is in use, even by a sharing socket of our own", arguments: [1, 2])
    func portInUse(workers: Int) throws {
        let first = try bind(try #require(SocketAddress(numeric: "127.0.0.1", port: 0)))
        let problem = problem { () throws(ValueProblem) in _ = try bind(first.address, workers: workers) }
        #expect(problem?.reason == "is in use")
    }

    @Test("an address of another machine is refused by its reason")
    func foreignAddress() throws {
        let foreign = try #require(SocketAddress(numeric: "192.0.2.1", port: 0))
        let problem = problem { () throws(ValueProblem) in _ = try bind(foreign) }
        #expect(problem?.reason == "is no address of this machine (EADDRNOTAVAIL)")
    }

    @Test("a forsaken socket file is replaced")
    func forsaken() throws {
        let path = freshPath()
        do { _ = try bind(try unixAddress(path)) }
        #expect(exists(path))
        let listener = try bind(try unixAddress(path))
        #expect(listener.take()?.isTCP == false)
        listener.file?.remove()
        #expect(!exists(path))
    }

    @Test("a socket file that somebody listens on is in use")
    func inUse() throws {
        let listener = try bind(try unixAddress(freshPath()))
        let problem = problem { () throws(ValueProblem) in _ = try bind(listener.address) }
        #expect(problem?.reason == "is in use")
        listener.file?.remove()
    }

    @Test("a file that is no socket is left alone")
    func noSocket() throws {
        let path = freshPath()
        close(open(path, O_CREAT | O_WRONLY, 0o600))
        defer { unlink(path) }
        let address = try unixAddress(path)
        let problem = problem { () throws(ValueProblem) in _ = try bind(address) }
        #expect(problem?.reason == "is a file that is no socket")
        #expect(exists(path))
    }

    @Test("a directory that does not exist is named as the reason")
    func noDirectory() throws {
        let address = try unixAddress("/nowhere/at/all.sock")
        let problem = problem { () throws(ValueProblem) in _ = try bind(address) }
        #expect(problem?.reason == "is in a directory that does not exist")
    }

    @Test("a successor's socket file is not removed")
    func successor() throws {
        let path = freshPath()
        let file: SocketFile?
        do { file = try bind(try unixAddress(path)).file }
        let successor = try bind(try unixAddress(path))
        file?.remove()
        #expect(exists(path))
        successor.file?.remove()
    }
}
