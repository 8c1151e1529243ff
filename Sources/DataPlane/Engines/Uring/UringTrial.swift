import CLinux
import LinuxCalls

/// Uses a ring for what the engine needs and no bit announces: a linked splice chain, its withdrawal, multishot receive into
/// provided buffers (Linux 6.0), multishot accept.
///
/// Runs over a socket pair and a UNIX listener in the abstract namespace, so that no port is opened.
enum UringTrial {
    /// One sentence on what does not work, nil where all of it does.
    /// - Throws: what kept the trial from being made, which says nothing of io_uring: too few descriptors, say.
    static func failure(_ settings: UringSettings) throws(SystemError) -> String? {
        var engine = try UringEngine(settings)
        if let failure = try chainFailure(&engine) { return failure }
        if let failure = try copyFailure(&engine) { return failure }
        return try acceptFailure(&engine)
    }

    private static func chainFailure(_ engine: inout UringEngine) throws(SystemError) -> String? {
        let from = try SocketPair()
        let to = try SocketPair()
        var readEnd: Int32 = -1
        var writeEnd: Int32 = -1
        _ = try checked(clinux_pipe(&readEnd, &writeEnd), "pipe2")
        let readOwner = OwnedDescriptor(readEnd)
        let writeOwner = OwnedDescriptor(writeEnd)
        let pipe = PipePool.Pipe(readEnd: readOwner.number, writeEnd: writeOwner.number, capacity: 65536)
        let tag = Tag(slot: 1, generation: 1, operation: .await)

        var text: UInt64 = 0x6563_696C_7073
        _ = clinux_send(from.near.number, &text, 6)
        _ = engine.move(from: from.far.number, through: pipe, to: to.near.number, length: 4096, tag)
        guard answers(&engine, 2) == [Answer(.fill, 6), Answer(.drain, 6)] else {
            return "a linked splice chain did not carry six bytes"
        }
        var arrived: UInt64 = 0
        guard clinux_receive(to.far.number, &arrived, 8) == 6, arrived == text else {
            return "a linked splice chain changed six bytes"
        }
        _ = engine.move(from: from.far.number, through: pipe, to: to.near.number, length: 4096, tag)
        _ = engine.cancel(tag, on: from.far.number, tag)
        guard answers(&engine, 1) == [Answer(.await, Errno.canceled)] else {
            return "a linked splice chain could not be withdrawn"
        }
        return nil
    }

    private static func copyFailure(_ engine: inout UringEngine) throws(SystemError) -> String? {
        let from = try SocketPair()
        let to = try SocketPair()
        let tag = Tag(slot: 2, generation: 1, operation: .receive)
        _ = engine.receive(from: from.far.number, tag)
        for buffer in UInt16(0)..<2 {
            engine.provide(buffer)
            var text = UInt64(buffer) + 0x6563_696C_7073
            _ = clinux_send(from.near.number, &text, 6)
            guard answers(&engine, 1) == [Answer(.receive, 6)] else {
                return "a multishot receive did not bring six bytes"
            }
            let slice = BufferSlice(buffer: buffer, offset: 0, length: 6)
            _ = engine.send(slice, to: to.near.number, waits: true, isWatched: false, tag.with(.send))
            guard answers(&engine, 1) == [Answer(.send, 6)] else { return "a send did not take six bytes" }
            var arrived: UInt64 = 0
            guard clinux_receive(to.far.number, &arrived, 8) == 6, arrived == text else {
                return "a received buffer changed six bytes"
            }
        }
        _ = engine.cancel(tag, on: from.far.number, tag)
        guard answers(&engine, 1) == [Answer(.receive, Errno.canceled)] else {
            return "a multishot receive could not be withdrawn"
        }
        return nil
    }

    private static func acceptFailure(_ engine: inout UringEngine) throws(SystemError) -> String? {
        let listener = OwnedDescriptor(try checked(clinux_socket(1), "socket"))
        // Only the family: the kernel picks an abstract name (unix(7), autobind).
        var family: UInt16 = 1
        _ = try checked(clinux_bind(listener.number, &family, 2), "bind")
        _ = try checked(clinux_listen(listener.number, 4), "listen")
        let address = try SocketAddress.local(of: listener.number)
        _ = engine.accept(listener.number, Tag(slot: 0, generation: 0, operation: .accept))
        for _ in 0..<2 {
            let client = OwnedDescriptor(try checked(clinux_socket(1), "socket"))
            let connected = address.withBytes { clinux_connect(client.number, $0.baseAddress, address.length) }
            _ = try checked(connected, "connect")
            guard let first = answers(&engine, 1).first, first.operation == .accept else {
                return "multishot accept does not work"
            }
            _ = clinux_close(try checked(first.result, "io_uring accept"))
        }
        return nil
    }

    private struct Answer: Equatable {
        let operation: Operation?
        let result: Int32

        init(_ operation: Operation?, _ result: Int32) {
            self.operation = operation
            self.result = result
        }
    }

    /// The next `count` answers, fewer where they do not come within five seconds, which only a machine that is busy
    /// with others takes.
    private static func answers(_ engine: inout UringEngine, _ count: Int) -> [Answer] {
        let counters = Counters()
        let batch = CompletionBatch()
        var all: [Answer] = []
        let end = Clock.nowMillis() + 5_000
        while all.count < count && Clock.nowMillis() < end {
            engine.turn(waitingNanoseconds: 50_000_000, counters)
            let reaped = engine.reap(into: batch, counters)
            for index in 0..<reaped { all.append(Answer(batch[index].tag.operation, batch[index].result)) }
        }
        return all
    }

    private struct SocketPair: ~Copyable {
        let near: OwnedDescriptor
        let far: OwnedDescriptor

        init() throws(SystemError) {
            var a: Int32 = -1
            var b: Int32 = -1
            _ = try checked(clinux_socket_pair(&a, &b), "socketpair")
            near = OwnedDescriptor(a)
            far = OwnedDescriptor(b)
        }
    }
}
