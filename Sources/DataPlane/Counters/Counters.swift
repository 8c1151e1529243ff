/// A worker's counts, plain adds in its own memory; wraps after 2⁶⁴.
package struct Counters: ~Copyable {
    let base: UnsafeMutablePointer<UInt64>

    package init() {
        base = .allocate(capacity: Counter.count)
        base.initialize(repeating: 0, count: Counter.count)
    }

    deinit { base.deallocate() }

    @inline(__always)
    func add(_ counter: Counter, _ amount: UInt64 = 1) { base[counter.rawValue] &+= amount }

    package subscript(counter: Counter) -> UInt64 { base[counter.rawValue] }
}
