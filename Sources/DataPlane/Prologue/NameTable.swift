/// Routes by the names that clients ask for (SNI): exact names, and `*.example.com` for all names below `example.com`,
/// however deep, but not for itself. Exact beats wildcard, and a longer wildcard a shorter one; of routes that have
/// the same pattern the first wins. Case and one trailing dot do not matter.
///
/// Made once, read by all workers.
package final class NameTable: @unchecked Sendable {
    private let table: RouteTable

    /// Each pattern must be one: see `NamePattern.problem`.
    package init(_ routes: [(names: [String], route: Int)]) {
        table = RouteTable(
            routes.flatMap { names, route in
                names.map { pattern in
                    precondition(NamePattern.problem(in: pattern) == nil, "NameTable: no pattern")
                    let (key, isWildcard) = NamePattern.key(of: pattern)
                    return (key, isWildcard ? .nameSuffix : .exactName, route)
                }
            })
    }

    package func route(for name: UnsafeRawBufferPointer) -> Int? { view.route(for: name) }

    /// A worker's view: plain pointers. This object must outlive it.
    package var view: View { View(table: table.view) }

    package struct View: BitwiseCopyable {
        fileprivate let table: RouteTable.View

        /// Nil for a name that no pattern is for, and for no name at all.
        package func route(for name: UnsafeRawBufferPointer) -> Int? {
            let length = name.last == UInt8(ascii: ".") ? name.count - 1 : name.count
            guard (1...NamePattern.bytesMax).contains(length) else { return nil }
            var hash = NameHash()
            var widest: Int?
            for place in (0..<length).reversed() {
                let byte = name[place]
                if byte == UInt8(ascii: "."), place > 0 {
                    let suffix = UnsafeRawBufferPointer(rebasing: name[place + 1..<length])
                    widest = table.route(suffix, .nameSuffix, hash) ?? widest
                }
                hash.add(byte)
            }
            return table.route(UnsafeRawBufferPointer(rebasing: name[..<length]), .exactName, hash) ?? widest
        }
    }
}
