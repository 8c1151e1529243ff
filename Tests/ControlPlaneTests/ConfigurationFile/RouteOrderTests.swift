import LinuxCalls
import Testing

@testable import ControlPlane
@testable import DataPlane

@Suite("Routes in their order")
struct RouteOrderTests {
    private func listener(_ routes: String, pools: Int) throws -> ListenerSettings {
        let names = (0..<pools).map { "{ name: p\($0), servers: [\"127.0.0.1:1\"] }" }.joined(separator: ", ")
        let file = try readFile(
            "listeners: [{ name: l, bind: [\"127.0.0.1:0\"], routes: [\(routes)] }]\npools: [\(names)]")
        return file.configuration.listeners[0].settings(nil) { $0 }
    }

    private func pool(_ record: ListenerRecord, _ name: String, from client: String = "192.0.2.9") throws -> UInt16? {
        let address = try #require(SocketAddress(numeric: client, port: 1))
        return name.utf8.withContiguousStorageIfAvailable { bytes in
            var hello = HelloView()
            hello.name = UnsafeRawBufferPointer(bytes)
            return record.pool(for: address, hello)
        } ?? nil
    }

    @Test("hundreds of names are asked with one look")
    func run() throws {
        let routes = (0..<300).map { "{ sni: [n\($0).example, \"*.n\($0).example\"], pool: p\($0 % 7) }" }
        let settings = try listener(routes.joined(separator: ", ") + ", { pool: p6 }", pools: 7)
        #expect(settings.routes.count == 1)
        let record = ListenerRecord(settings) { _ in false }
        defer { record.release() }
        for number in 0..<300 {
            #expect(try pool(record, "n\(number).example") == UInt16(number % 7))
            #expect(try pool(record, "www.N\(number).example.") == UInt16(number % 7))
        }
        #expect(try pool(record, "n300.example") == 6)
    }

    @Test("the first one that is meant is taken, whatever stands between them")
    func order() throws {
        let settings = try listener(
            """
            { sni: [a.b.example], pool: p1 }, { sni: ["*.b.example"], reject: true }, { source: [192.0.2.0/24], pool: p2 },
            { sni: ["*.example"], pool: p3 }, { sni: [other.test], pool: p4 }, { pool: p0 }
            """, pools: 5)
        #expect(settings.routes.count == 3)
        let record = ListenerRecord(settings) { _ in false }
        defer { record.release() }
        for (name, client, expected) in [
            ("a.b.example", "192.0.2.9", 1), ("c.b.example", "192.0.2.9", nil), ("c.example", "192.0.2.9", 2),
            ("c.example", "198.51.100.1", 3), ("other.test", "198.51.100.1", 4), ("other.test", "192.0.2.1", 2),
            ("nobody.test", "198.51.100.1", 0),
        ] as [(String, String, UInt16?)] {
            #expect(try pool(record, name, from: client) == expected, "\(name) from \(client)")
        }
    }
}
