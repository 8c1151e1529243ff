import LinuxCalls

/// A block of client addresses, such as 10.0.0.0/8. IPv4 is kept as it is mapped into IPv6 (RFC 4291, 2.5.5.2), so that one order
/// holds for both.
package struct AddressBlock: Equatable, Sendable {
    package let first: UInt128
    package let last: UInt128

    /// Nil for what is no network address, for a length beyond the family's, and where bits behind the prefix are set.
    /// - Parameter length: bits of the prefix, to 32 or 128; nil for the one address alone.
    package init?(_ address: SocketAddress, prefix length: Int?) {
        guard let number = Self.number(of: address) else { return nil }
        let bits = address.isIPv4 ? 32 : 128
        let prefix = length ?? bits
        guard (0...bits).contains(prefix) else { return nil }
        let behind = UInt128(bits - prefix)
        let mask: UInt128 = behind == 128 ? .max : (1 << behind) - 1
        guard number & mask == 0 else { return nil }
        first = number
        last = number | mask
    }

    /// Nil for what is no network address.
    static func number(of address: borrowing SocketAddress) -> UInt128? {
        guard address.isTCP else { return nil }
        let isIPv4 = address.isIPv4
        return address.withBytes { bytes in
            if isIPv4 {
                let word = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
                return 0xFFFF_0000_0000 | UInt128(word)
            }
            let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            return UInt128(high) << 64 | UInt128(low)
        }
    }
}

/// Client addresses, by blocks: sorted, joined where they touch, and looked up by halving. Made once, read by all workers.
package final class AddressSet: @unchecked Sendable {
    private let blocks: UnsafeMutablePointer<(first: UInt128, last: UInt128)>
    package let blockCount: Int

    package init(_ list: [AddressBlock]) {
        var joined: [(first: UInt128, last: UInt128)] = []
        for block in list.sorted(by: { $0.first < $1.first }) {
            if let end = joined.last?.last, block.first <= end || block.first - 1 == end {
                joined[joined.count - 1].last = max(end, block.last)
            } else {
                joined.append((block.first, block.last))
            }
        }
        blockCount = joined.count
        blocks = .allocate(capacity: max(1, joined.count))
        blocks.initialize(from: joined, count: joined.count)
    }

    deinit { blocks.deallocate() }

    package func contains(_ address: SocketAddress) -> Bool { view.contains(address) }

    /// A worker's view: a plain pointer. This object must outlive it.
    var view: View { View(blocks: blocks, count: blockCount) }

    struct View: BitwiseCopyable {
        fileprivate let blocks: UnsafeMutablePointer<(first: UInt128, last: UInt128)>
        fileprivate let count: Int

        func contains(_ address: borrowing SocketAddress) -> Bool {
            guard let number = AddressBlock.number(of: address) else { return false }
            var (low, high) = (0, count)
            while low < high {
                let middle = (low + high) / 2
                if blocks[middle].last < number { low = middle + 1 } else { high = middle }
            }
            return low < count && blocks[low].first <= number
        }
    }
}
