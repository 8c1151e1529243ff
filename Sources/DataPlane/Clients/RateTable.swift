import CLinux

/// How fast each client address may come through a listener, in all workers together: a bucket of tokens for each, of which a connection
/// takes one, and which is filled again evenly.
///
/// A bucket is one number, the moment at which it is full again (the generic cell rate algorithm, ITU-T I.371), so one that is full is
/// the same as none. The table is of a fixed size, made at start, in sets of eight places; an address leads to one set. Where all its
/// places are in use, the bucket that is full soonest gives way, and its client may come as if it had been away. So nobody is refused
/// for want of a place. One lock is held for a few tens of nanoseconds for each accept.
package final class RateTable: @unchecked Sendable {
    private let places: UnsafeMutablePointer<RatePlace>
    private let lock: UnsafeMutablePointer<UInt32>
    private let setMask: Int
    private let seed: UInt64
    private let count: Int64
    private let intervalNanos: Int64

    /// Client addresses whose buckets are not full at the same time, before some are forgotten.
    package static let placesByDefault = 65_536

    /// - Parameters:
    ///   - count: connections of one client in each period, and at once.
    ///   - periodNanos: in which they are made up for.
    ///   - places: rounded up to a power of two.
    package init(count: Int, periodNanos: Int64, places wanted: Int = RateTable.placesByDefault) {
        precondition(count > 0 && periodNanos >= Int64(count), "RateTable: no rate")
        var sets = 1
        while sets * RateGate.setSize < wanted { sets *= 2 }
        guard let memory = clinux_zeroed(sets * RateGate.setSize, MemoryLayout<RatePlace>.stride) else {
            preconditionFailure("RateTable: out of memory")
        }
        places = memory.bindMemory(to: RatePlace.self, capacity: sets * RateGate.setSize)
        // On a cache line of its own.
        lock = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64).initializeMemory(
            as: UInt32.self, repeating: 0, count: 16)
        setMask = sets - 1
        // Nobody outside can choose addresses that collide.
        seed = UInt64.random(in: .min ... .max)
        self.count = Int64(count)
        intervalNanos = periodNanos / Int64(count)
    }

    deinit {
        clinux_free(places)
        UnsafeMutableRawPointer(lock).deallocate()
    }

    /// The workers' side.
    var gate: RateGate {
        RateGate(
            places: places, lock: lock, setMask: setMask, seed: seed, intervalNanos: intervalNanos,
            slackNanos: intervalNanos * (count - 1))
    }
}

/// A worker's side of the `RateTable`, which must outlive it: plain pointers, so that nothing is counted for it.
struct RateGate: BitwiseCopyable {
    static let setSize = 8

    let places: UnsafeMutablePointer<RatePlace>
    let lock: UnsafeMutablePointer<UInt32>
    let setMask: Int
    let seed: UInt64
    let intervalNanos: Int64
    /// How far a bucket may be from full for another token to be in it.
    let slackNanos: Int64

    /// Takes a token; false where there is none.
    func takes(_ key: ClientKey, at nanos: Int64) -> Bool {
        clinux_lock(lock)
        defer { clinux_unlock(lock) }
        let set = places + (key.hash(seed) & setMask) * Self.setSize
        var fullest = set
        for index in 0..<Self.setSize {
            let place = set + index
            if place.pointee.prefix == key.prefix && place.pointee.family == key.family {
                let start = max(place.pointee.fullAtNanos, nanos)
                guard start &- nanos <= slackNanos else { return false }
                place.pointee.fullAtNanos = start &+ intervalNanos
                return true
            }
            if place.pointee.fullAtNanos < fullest.pointee.fullAtNanos { fullest = place }
        }
        fullest.pointee = RatePlace(prefix: key.prefix, family: key.family, fullAtNanos: nanos &+ intervalNanos)
        return true
    }
}

/// One client's bucket. No client has family 0, which is what zeroed memory says.
struct RatePlace: BitwiseCopyable {
    var prefix: UInt64 = 0
    var family: UInt32 = 0
    var fullAtNanos: Int64 = 0
}
