import Testing

@testable import DataPlane

@Suite("A tag")
struct TagTests {
    @Test("gives back what it was made of, at the edges of every field")
    func roundTrip() {
        for slot in [0, 1, 0x8000_0000, UInt32.max] {
            for generation in [0, 1, Tag.generationMax] {
                for operation in Operation.allCases {
                    for direction in Direction.allCases {
                        let tag = Tag(slot: slot, generation: generation, operation: operation, direction: direction)
                        #expect(tag.slot == slot && tag.generation == generation)
                        #expect(tag.operation == operation && tag.direction == direction)
                    }
                }
            }
        }
    }

    @Test("keeps slot, generation and direction when its operation changes")
    func chain() {
        let tag = Tag(slot: 7, generation: 9, operation: .await, direction: .down)
        let fill = tag.with(.fill)
        #expect(fill == Tag(slot: 7, generation: 9, operation: .fill, direction: .down))
    }

    @Test("of a generation that is too large loses its high bits and touches nothing else")
    func overflow() {
        let tag = Tag(slot: 3, generation: 0x1FF_FFFF, operation: .drain)
        #expect(tag.generation == Tag.generationMax && tag.slot == 3 && tag.operation == .drain)
    }

    @Test("with a byte that is no operation says so instead of trapping")
    func strange() { #expect(Tag(rawValue: 0x7F).operation == nil) }
}

@Suite("The records of the hot path")
struct LayoutTests {
    @Test("keep their sizes: a completion is the kernel's, a knot four cache lines")
    func sizes() {
        #expect(MemoryLayout<Completion>.size == 16 && MemoryLayout<Completion>.stride == 16)
        #expect(MemoryLayout<DataPlane.Tag>.size == 8)
        #expect(MemoryLayout<Step>.size == 4)
        #expect(MemoryLayout<Knot>.stride <= 256)
    }
}
