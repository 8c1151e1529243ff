/// One value for each slot of the knot table: cold memory beside it, for what few knots have or is seldom looked at.
///
/// As the knots' it is reserved at start and touched only as it is used, so a value has to be written before it is read. Where no
/// configuration can want it, it is not even reserved.
struct SlotTable<Value: BitwiseCopyable>: ~Copyable {
    private let base: UnsafeMutablePointer<Value>?
    private let capacity: Int

    /// - Parameter capacity: slots; 0 for no table.
    init(capacity: Int) {
        self.capacity = capacity
        base = capacity > 0 ? .allocate(capacity: capacity) : nil
    }

    deinit { base?.deallocate() }

    /// Some configuration wants it, or may do so later.
    var exists: Bool { base != nil }

    /// The value in place. The table must exist.
    subscript(slot: UInt32) -> UnsafeMutablePointer<Value> {
        guard let base, Int(slot) < capacity else { preconditionFailure("SlotTable: no such slot") }
        return base + Int(slot)
    }
}
