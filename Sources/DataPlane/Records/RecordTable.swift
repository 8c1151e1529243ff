/// The records of connections that are still open, one for each slot of the knot table: cold memory beside it, looked at
/// when a connection begins, is tied, delivers its first byte and ends.
///
/// Like the knots' it is reserved at start and touched only where a connection has a record (`Worker.record(of:)`); where nobody can
/// want one, it is not even reserved.
struct RecordTable: ~Copyable {
    private let base: UnsafeMutablePointer<ConnectionRecord>?
    private let capacity: Int

    /// - Parameter capacity: slots; 0 for no table.
    init(capacity: Int) {
        self.capacity = capacity
        base = capacity > 0 ? .allocate(capacity: capacity) : nil
    }

    deinit { base?.deallocate() }

    /// The record in place. The table must exist.
    subscript(slot: UInt32) -> UnsafeMutablePointer<ConnectionRecord> {
        guard let base, Int(slot) < capacity else { preconditionFailure("RecordTable: no such record") }
        return base + Int(slot)
    }
}
