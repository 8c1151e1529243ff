import CLinux
import LinuxCalls
import Testing

@testable import LoadGenerator

@Suite("A peer", .serialized)
struct StrangerTests {
    private func send(_ bytes: [UInt8], to address: SocketAddress) throws {
        let socket = OwnedDescriptor(try checked(clinux_socket(address.family), "socket"))
        _ = address.withBytes { clinux_connect(socket.number, $0.baseAddress, address.length) }
        let waiter = try #require(Waiter(socket.number))
        let deadline = Clock.nowNanoseconds() + 5_000_000_000
        _ = waiter.wait(until: deadline)
        _ = bytes.withUnsafeBytes { clinux_send(socket.number, $0.baseAddress, $0.count) }
        _ = clinux_shutdown_write(socket.number)
        var rest = [UInt8](repeating: 0, count: 1000)
        while clinux_receive(socket.number, &rest, rest.count) == Int64(Errno.again) {
            #expect(Clock.nowNanoseconds() < deadline, "the peer keeps a stranger")
            guard Clock.nowNanoseconds() < deadline else { return }
            Waiter.pause(nanoseconds: 1_000_000)
        }
    }

    @Test("closes and counts whoever brings no sound header, and serves on")
    func strangers() throws {
        let peer = try TestRun.peer()
        defer { peer.stop() }
        var header = [UInt8](repeating: 0, count: Header.bytes)
        header.withUnsafeMutableBytes { Header(.stream, Recipe(.ledger), seed: 1, id: 1).write(to: $0) }
        var strangers: [[UInt8]] = [[], Array("GET / HTTP/1.1\r\n\r\n".utf8), Array(header[..<95])]
        var draw = Draw(seed: 8)
        for _ in 0..<60 {
            var changed = header
            changed[Int(draw.below(96))] ^= UInt8(draw.within(1...255))
            strangers.append(changed + header)
        }
        strangers.append([UInt8](repeating: 0xff, count: 100_000))
        for stranger in strangers { try send(stranger, to: peer.addresses[0]) }
        #expect(peer.strangers == UInt64(strangers.count))
        var settings = RunSettings(Recipe(.churn), seed: 2, targets: peer.addresses)
        settings.total = 20
        #expect(try Run(settings).finish().isOK)
    }

    @Test("takes a header that arrives byte by byte")
    func slowHeader() throws {
        let peer = try TestRun.peer()
        defer { peer.stop() }
        var header = [UInt8](repeating: 0, count: Header.bytes)
        header.withUnsafeMutableBytes { Header(.report, Recipe(.ledger), seed: 1, id: 1).write(to: $0) }
        let address = peer.addresses[0]
        let socket = OwnedDescriptor(try checked(clinux_socket(address.family), "socket"))
        _ = address.withBytes { clinux_connect(socket.number, $0.baseAddress, address.length) }
        _ = clinux_set_no_delay(socket.number)
        let waiter = try #require(Waiter(socket.number))
        _ = waiter.wait(until: Clock.nowNanoseconds() + 5_000_000_000)
        for byte in header {
            #expect([byte].withUnsafeBytes { clinux_send(socket.number, $0.baseAddress, 1) } == 1)
            Waiter.pause(nanoseconds: 100_000)
        }
        var report = [UInt8](repeating: 0, count: 4096)
        var count: Int64 = 0
        for _ in 0..<5000 where count <= 0 {
            count = clinux_receive(socket.number, &report, report.count)
            if count <= 0 { Waiter.pause(nanoseconds: 1_000_000) }
        }
        let read = try #require(PeerReport(Array(report[..<Int(max(0, count))])))
        #expect(read.seed == 1 && read.idsEnd == 0 && peer.strangers == 0)
    }
}
