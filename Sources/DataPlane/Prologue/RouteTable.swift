/// Routes by byte strings: open addressing over plain memory, made once, read by all workers. At most half full, so
/// that a search ends.
struct RouteTable: ~Copyable {
    enum Kind: UInt8, BitwiseCopyable {
        case exactName
        /// Whatever ends in a dot and this.
        case nameSuffix
        case protocolName
    }

    fileprivate struct Slot: BitwiseCopyable {
        var route: Int
        var keyStart: Int
        /// Negative where the slot is free.
        var keyLength = -1
        var kind = Kind.exactName
    }

    private let slots: UnsafeMutableBufferPointer<Slot>
    private let keys: UnsafeMutableBufferPointer<UInt8>

    /// The first route that has a key keeps it.
    init(_ entries: [(key: [UInt8], kind: Kind, route: Int)]) {
        var places = 2
        while places < 2 * (entries.count + 1) { places *= 2 }
        let slots = UnsafeMutableBufferPointer<Slot>.allocate(capacity: places)
        slots.initialize(repeating: Slot(route: 0, keyStart: 0))
        let keys = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: entries.reduce(0) { $0 + $1.key.count })
        let view = View(slots: UnsafeBufferPointer(slots), keys: UnsafeBufferPointer(keys))
        var start = 0
        for (key, kind, route) in entries {
            key.withUnsafeBytes { bytes in
                var hash = NameHash()
                for byte in bytes.reversed() { hash.add(byte) }
                let place = view.place(bytes, kind, hash)
                guard slots[place].keyLength < 0 else { return }
                for (index, byte) in bytes.enumerated() { keys[start + index] = byte }
                slots[place] = Slot(route: route, keyStart: start, keyLength: bytes.count, kind: kind)
                start += bytes.count
            }
        }
        self.slots = slots
        self.keys = keys
    }

    deinit {
        slots.deallocate()
        keys.deallocate()
    }

    var view: View { View(slots: UnsafeBufferPointer(slots), keys: UnsafeBufferPointer(keys)) }

    /// Plain pointers. The table must outlive them.
    struct View: BitwiseCopyable {
        fileprivate let slots: UnsafeBufferPointer<Slot>
        fileprivate let keys: UnsafeBufferPointer<UInt8>

        /// - Parameter hash: of the key's bytes, from the last to the first.
        func route(_ key: UnsafeRawBufferPointer, _ kind: Kind, _ hash: NameHash) -> Int? {
            let slot = slots[place(key, kind, hash)]
            return slot.keyLength < 0 ? nil : slot.route
        }

        /// Where the key is, or would be. Names are compared without regard to case; those of the table are in lower
        /// case.
        fileprivate func place(_ key: UnsafeRawBufferPointer, _ kind: Kind, _ hash: NameHash) -> Int {
            var place = hash.value & (slots.count - 1)
            while slots[place].keyLength >= 0, !holds(slots[place], key, kind) {
                place = (place + 1) & (slots.count - 1)
            }
            return place
        }

        private func holds(_ slot: Slot, _ key: UnsafeRawBufferPointer, _ kind: Kind) -> Bool {
            guard slot.kind == kind, slot.keyLength == key.count else { return false }
            for index in 0..<key.count {
                let byte = kind == .protocolName ? key[index] : key[index].lowercased
                guard keys[slot.keyStart + index] == byte else { return false }
            }
            return true
        }
    }
}

/// FNV-1a, 64 bits, over bytes in lower case, from a name's end to its beginning: so the hashes of all its suffixes
/// come by the way. Whoever chooses the names that are looked for does not choose those in the table, so there is
/// nothing to flood.
struct NameHash: BitwiseCopyable {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) { state = (state ^ UInt64(byte.lowercased)) &* 0x100_0000_01B3 }

    var value: Int { Int(truncatingIfNeeded: state ^ state >> 32) }
}

extension UInt8 {
    /// Of ASCII letters; other bytes are as they were.
    var lowercased: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }
}
