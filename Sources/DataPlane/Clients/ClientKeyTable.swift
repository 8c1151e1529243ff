/// For whom connections are counted that are still open, by the slots of the knot table: at its end a connection may have nobody at the
/// other end who could be asked.
///
/// Reserved at start and touched only where clients are counted, as the `RecordTable` is.
struct ClientKeyTable: ~Copyable {
    private let base: UnsafeMutablePointer<ClientKey?>?
    private let capacity: Int

    /// - Parameter capacity: slots; 0 for no table.
    init(capacity: Int) {
        self.capacity = capacity
        base = capacity > 0 ? .allocate(capacity: capacity) : nil
    }

    deinit { base?.deallocate() }

    /// The key in place. The table must exist.
    subscript(slot: UInt32) -> UnsafeMutablePointer<ClientKey?> {
        guard let base, Int(slot) < capacity else { preconditionFailure("ClientKeyTable: no such slot") }
        return base + Int(slot)
    }
}
