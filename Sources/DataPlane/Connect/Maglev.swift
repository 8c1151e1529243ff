import LinuxCalls

/// A client's server by its address, as evenly as the weights say, and with few clients moved when the servers change.
///
/// Each server claims places of a table in an order of its own, which depends on nothing but its address, so that every worker and
/// every machine with the same servers sends a client the same way (Eisenbud et al., "Maglev", NSDI 2016, section 3.4).
package enum Maglev {
    /// A prime far above the number of servers: the shares then differ by little (the paper's section 5.3).
    package static let places = 65_537

    /// Which server each place belongs to, as places in `servers`.
    package static func table(_ servers: [ServerSettings]) -> [UInt16] {
        guard let heaviest = servers.map(\.weight).max(), heaviest > 0 else { return [] }
        var table = [UInt16](repeating: .max, count: places)
        var claims = servers.map { Claims($0.address) }
        var due = [Int](repeating: 0, count: servers.count)
        var left = places
        var round = 1
        while left > 0 {
            for index in servers.indices where left > 0 {
                // A server with half the heaviest weight claims in every second round.
                guard round * servers[index].weight >= due[index] + heaviest else { continue }
                due[index] += heaviest
                var place = claims[index].next()
                while table[place] != .max { place = claims[index].next() }
                table[place] = UInt16(truncatingIfNeeded: index)
                left -= 1
            }
            round += 1
        }
        return table
    }

    /// The place of a client.
    package static func place(of client: borrowing SocketAddress) -> Int {
        Int(truncatingIfNeeded: hash(client, withPort: false, seed: 0) % UInt64(places))
    }

    /// The order in which a server claims places: every one of them, once.
    private struct Claims {
        private var place: Int
        private let step: Int

        init(_ address: SocketAddress) {
            place = Int(truncatingIfNeeded: Maglev.hash(address, withPort: true, seed: 1) % UInt64(places))
            step = Int(truncatingIfNeeded: Maglev.hash(address, withPort: true, seed: 2) % UInt64(places - 1)) + 1
        }

        mutating func next() -> Int {
            let now = place
            place = (place + step) % places
            return now
        }
    }

    /// FNV-1a over the address, and a finish that spreads what differs in one bit only (the finalizer of MurmurHash3).
    private static func hash(_ address: borrowing SocketAddress, withPort: Bool, seed: UInt64) -> UInt64 {
        let isTCP = address.isTCP
        let isIPv4 = address.isIPv4
        let length = Int(address.length)
        return address.withBytes { bytes in
            // sockaddr_in: port at 2, address at 4. sockaddr_in6: port at 2, address at 8. A UNIX path: all of it.
            let range = !isTCP ? 2..<max(2, length) : isIPv4 ? 4..<8 : 8..<24
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ (seed &* 0x9E37_79B9_7F4A_7C15)
            func take(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            for offset in range where offset < bytes.count { take(bytes[offset]) }
            if withPort && isTCP && bytes.count >= 4 {
                take(bytes[2])
                take(bytes[3])
            }
            hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
            hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
            return hash ^ (hash >> 33)
        }
    }
}
