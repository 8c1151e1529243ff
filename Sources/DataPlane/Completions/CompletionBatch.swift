/// Room for one reap, made once.
package struct CompletionBatch: ~Copyable {
    package static let capacity = 256

    package let base: UnsafeMutablePointer<Completion>

    package init() { base = .allocate(capacity: Self.capacity) }

    deinit { base.deallocate() }

    package subscript(index: Int) -> Completion { base[index] }
}
