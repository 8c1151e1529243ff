import CLinux

/// How many connections each client address has, in all workers together, and how many it may have.
///
/// A hash table of fixed size, made at start: open addressing with linear probing, at most half full, since there are no
/// more clients than connections. Places that become empty are closed up, so nothing is left of a client that has gone.
/// One lock is held for a few tens of nanoseconds for each accept and each close.
package final class ClientTable: @unchecked Sendable {
    private let memory: Memory
    package let connectionsMax: UInt32

    private final class Memory {
        let places: UnsafeMutablePointer<ClientPlace>
        let lock: UnsafeMutablePointer<UInt32>
        let mask: Int
        let seed: UInt64

        init(clients: Int) {
            var capacity = 16
            while capacity < 2 * clients { capacity *= 2 }
            guard let memory = clinux_zeroed(capacity, MemoryLayout<ClientPlace>.stride) else {
                preconditionFailure("ClientTable: out of memory")
            }
            places = memory.bindMemory(to: ClientPlace.self, capacity: capacity)
            // On a cache line of its own.
            lock = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64).initializeMemory(
                as: UInt32.self, repeating: 0, count: 16)
            mask = capacity - 1
            // Nobody outside can choose addresses that collide.
            seed = UInt64.random(in: .min ... .max)
        }

        deinit {
            clinux_free(places)
            UnsafeMutableRawPointer(lock).deallocate()
        }
    }

    /// - Parameters:
    ///   - connectionsMax: of one client address.
    ///   - clients: addresses at the same time, at most.
    package init(connectionsMax: Int, clients: Int) {
        precondition(connectionsMax > 0 && clients > 0, "ClientTable: without room")
        memory = Memory(clients: clients)
        self.connectionsMax = UInt32(clamping: connectionsMax)
    }

    /// The same clients with another bound.
    package init(_ other: ClientTable, connectionsMax: Int) {
        precondition(connectionsMax > 0, "ClientTable: without room")
        memory = other.memory
        self.connectionsMax = UInt32(clamping: connectionsMax)
    }

    /// Client addresses that have a connection now. Looks at every place: for tests.
    package var clientCount: Int {
        clinux_lock(memory.lock)
        defer { clinux_unlock(memory.lock) }
        return (0...memory.mask).count { memory.places[$0].count > 0 }
    }

    /// The workers' side.
    var counts: ClientCounts {
        ClientCounts(
            places: memory.places, lock: memory.lock, mask: memory.mask, seed: memory.seed,
            connectionsMax: connectionsMax)
    }
}

/// One client's connections; a count of 0 is an empty place, which is what zeroed memory says.
struct ClientPlace: BitwiseCopyable {
    var prefix: UInt64 = 0
    var family: UInt32 = 0
    var count: UInt32 = 0

    func isOf(_ key: ClientKey) -> Bool { count > 0 && prefix == key.prefix && family == key.family }
}
