import Testing

@testable import DataPlane

@Suite("The knot table")
struct KnotTableTests {
    private func isLive(_ tag: DataPlane.Tag, in table: borrowing KnotTable) -> Bool { table.live(tag) != nil }

    @Test("hands out each slot once and is full then")
    func full() throws {
        var table = KnotTable(capacity: 3)
        let slots = [table.acquire(), table.acquire(), table.acquire()].compactMap { $0 }
        #expect(Set(slots) == [0, 1, 2])
        let isFull = table.isFull
        #expect(isFull)
        let none = table.acquire()
        #expect(none == nil)
    }

    @Test("does not know a tag of a slot's earlier knot")
    func generations() throws {
        var table = KnotTable(capacity: 1)
        let first = table.acquire()
        let slot = try #require(first)
        let knot = table[slot]
        knot.pointee.begin(client: 5, isTCP: true, at: 0)
        let old = Tag(slot: slot, generation: table[slot].pointee.generation, operation: .fill)
        #expect(isLive(old, in: table) == true)
        table.release(slot)
        #expect(isLive(old, in: table) == false)
        let second = table.acquire()
        let again = try #require(second)
        let next = table[again]
        next.pointee.begin(client: 6, isTCP: true, at: 0)
        #expect(isLive(old, in: table) == false)
        #expect(isLive(Tag(slot: 7, generation: 0, operation: .fill), in: table) == false)
    }

    @Test("touches no slot before it is needed")
    func lazily() {
        var table = KnotTable(capacity: 1_000_000)
        _ = table.acquire()
        let (used, count) = (table.slotsEverUsed, table.count)
        #expect(used == 1 && count == 1)
    }
}
