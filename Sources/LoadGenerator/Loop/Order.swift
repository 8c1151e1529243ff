import CLinux

/// What the loops of one process side have been told. Orders only grow more urgent.
package final class Order: @unchecked Sendable {
    package enum Word: UInt64, Comparable, Sendable {
        case run = 0
        /// Begin nothing new, and bring what is there to its end.
        case stop = 1
        /// Leave at once.
        case cut = 2

        package static func < (a: Word, b: Word) -> Bool { a.rawValue < b.rawValue }
    }

    private let word: UnsafeMutablePointer<UInt64>

    package init() {
        word = .allocate(capacity: 1)
        word.initialize(to: 0)
    }

    deinit { word.deallocate() }

    package var current: Word { Word(rawValue: clinux_look(word)) ?? .cut }

    package func give(_ order: Word) {
        guard order > current else { return }
        clinux_publish(word, order.rawValue)
    }
}
