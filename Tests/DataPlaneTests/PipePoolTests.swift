import CLinux
import LinuxCalls
import Testing

@testable import DataPlane

/// The kernel itself.
struct RealCalls: SystemCalls {}

@Suite("The pipe pool")
struct PipePoolTests {
    @Test("lends a clean pipe again and reads back the size it was granted")
    func reuse() {
        let counters = Counters()
        var pool = PipePool(capacity: 4, bytes: 256 << 10)
        let slot = pool.borrow(RealCalls(), counters)
        #expect(slot >= 0 && pool[slot].capacity >= 4096)
        let pipe = pool[slot].readEnd
        pool.giveBack(slot, isEmpty: true, RealCalls(), counters)
        #expect(pool.borrowed == 0 && pool.open == 1)
        let again = pool.borrow(RealCalls(), counters)
        #expect(pool[again].readEnd == pipe)
        #expect(counters[.pipesMade] == 1)
        pool.giveBack(again, isEmpty: true, RealCalls(), counters)
        pool.closeIdle(RealCalls())
    }

    @Test("closes a pipe that still holds bytes")
    func dirty() {
        let counters = Counters()
        var pool = PipePool(capacity: 4, bytes: 65536)
        let slot = pool.borrow(RealCalls(), counters)
        pool.giveBack(slot, isEmpty: false, RealCalls(), counters)
        #expect(pool.open == 0 && counters[.pipesClosed] == 1)
    }

    @Test("says so when it is used up, and when the process has no descriptors left")
    func exhausted() {
        let counters = Counters()
        var pool = PipePool(capacity: 1, bytes: 4096)
        let slot = pool.borrow(RealCalls(), counters)
        #expect(pool.borrow(RealCalls(), counters) == Errno.noBuffers)
        pool.giveBack(slot, isEmpty: true, RealCalls(), counters)
        pool.closeIdle(RealCalls())
    }

    @Test("keeps a bounded number of idle pipes and lets go of those nobody needs")
    func trim() {
        let counters = Counters()
        var pool = PipePool(capacity: 200, bytes: 4096)
        let slots = (0..<100).map { _ in pool.borrow(RealCalls(), counters) }
        for slot in slots { pool.giveBack(slot, isEmpty: true, RealCalls(), counters) }
        #expect(pool.open == PipePool.keptMax && pool.borrowed == 0)
        for _ in 0..<20 { pool.trim(RealCalls(), counters) }
        #expect(pool.open == 0)
    }

    /// A kernel past its quota: two pages and no more.
    struct ShortOfPages: SystemCalls {
        func makePipe(bytes: Int32, _ pipe: inout PipePool.Pipe) -> Int32 {
            let made = RealCalls().makePipe(bytes: bytes, &pipe)
            pipe = PipePool.Pipe(readEnd: pipe.readEnd, writeEnd: pipe.writeEnd, capacity: 8_192)
            return made
        }
    }

    @Test("takes no pipe that is smaller than what pays, unless no more was asked for")
    func small() {
        let counters = Counters()
        var large = PipePool(capacity: 4, bytes: 1 << 20)
        #expect(large.borrow(ShortOfPages(), counters) == Errno.notPermitted)
        #expect(large.open == 0 && counters[.pipesSmall] == 1)
        var small = PipePool(capacity: 4, bytes: 8_192)
        let slot = small.borrow(ShortOfPages(), counters)
        #expect(slot >= 0)
        small.giveBack(slot, isEmpty: true, RealCalls(), counters)
        small.closeIdle(RealCalls())
    }
}
