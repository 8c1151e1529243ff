/// Routes by the protocols that clients offer (ALPN), such as `h2`. Names are compared byte by byte. Where a client's
/// offers have several routes, the first one of the table wins, whatever the client prefers.
///
/// Made once, read by all workers.
package final class ProtocolTable: @unchecked Sendable {
    /// Of a name, in bytes (RFC 7301 3.1).
    package static let nameBytes = 1...255

    private let table: RouteTable
    /// By their order in the table.
    private let routes: UnsafeMutableBufferPointer<Int>

    /// Each name must have 1 to 255 bytes.
    package init(_ routes: [(names: [String], route: Int)]) {
        table = RouteTable(
            routes.enumerated().flatMap { index, entry in
                entry.names.map { name in
                    precondition(Self.nameBytes.contains(name.utf8.count), "ProtocolTable: no name")
                    return (Array(name.utf8), .protocolName, index)
                }
            })
        self.routes = .allocate(capacity: routes.count)
        _ = self.routes.initialize(from: routes.lazy.map(\.route))
    }

    deinit { routes.deallocate() }

    package func route(for list: UnsafeRawBufferPointer) -> Int? { view.route(for: list) }

    /// A worker's view: plain pointers. This object must outlive it.
    package var view: View { View(table: table.view, routes: UnsafeBufferPointer(routes)) }

    package struct View: BitwiseCopyable {
        fileprivate let table: RouteTable.View
        fileprivate let routes: UnsafeBufferPointer<Int>

        /// - Parameter list: of names behind their lengths, as `ClientHello.protocols` finds it.
        package func route(for list: UnsafeRawBufferPointer) -> Int? {
            var first: Int?
            for name in ProtocolNames(list) {
                var hash = NameHash()
                for byte in name.reversed() { hash.add(byte) }
                guard let index = table.route(name, .protocolName, hash) else { continue }
                first = min(first ?? index, index)
            }
            return first.map { routes[$0] }
        }
    }
}
