import CLinux

/// A worker's side of the `ClientTable`, which must outlive it: plain pointers, so that nothing is counted for it.
struct ClientCounts: BitwiseCopyable {
    private let places: UnsafeMutablePointer<ClientPlace>
    private let lock: UnsafeMutablePointer<UInt32>
    private let mask: Int
    private let seed: UInt64
    private let connectionsMax: UInt32

    init(
        places: UnsafeMutablePointer<ClientPlace>, lock: UnsafeMutablePointer<UInt32>, mask: Int, seed: UInt64,
        connectionsMax: UInt32
    ) {
        self.places = places
        self.lock = lock
        self.mask = mask
        self.seed = seed
        self.connectionsMax = connectionsMax
    }

    /// One connection more; false where the client has as many as it may have.
    func enter(_ key: ClientKey) -> Bool {
        clinux_lock(lock)
        defer { clinux_unlock(lock) }
        let place = places + find(key)
        guard place.pointee.count < connectionsMax else { return false }
        place.pointee.prefix = key.prefix
        place.pointee.family = key.family
        place.pointee.count &+= 1
        return true
    }

    /// One connection less, for each that has entered. Who has not (see `ListenerGate.leave`) changes nothing unless the client has others.
    func leave(_ key: ClientKey) {
        clinux_lock(lock)
        defer { clinux_unlock(lock) }
        let index = find(key)
        guard places[index].count > 0 else { return }
        places[index].count &-= 1
        if places[index].count == 0 { closeUp(index) }
    }

    /// The client's place, or the empty one where it belongs.
    private func find(_ key: ClientKey) -> Int {
        var index = home(key.prefix, key.family)
        while places[index].count > 0 && !places[index].isOf(key) { index = (index &+ 1) & mask }
        return index
    }

    /// Moves what was displaced by the place that is now empty, so that no search ends too early at it.
    private func closeUp(_ index: Int) {
        var hole = index
        var at = (hole &+ 1) & mask
        while places[at].count > 0 {
            let home = home(places[at].prefix, places[at].family)
            // It may move to the hole unless its home lies behind the hole, on the way from there to where it is.
            if (at &- home) & mask >= (at &- hole) & mask {
                places[hole] = places[at]
                places[at].count = 0
                hole = at
            }
            at = (at &+ 1) & mask
        }
    }

    private func home(_ prefix: UInt64, _ family: UInt32) -> Int { ClientKey.hash(prefix, family, seed) & mask }
}
