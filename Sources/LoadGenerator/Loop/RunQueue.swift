/// Connections that can go on at once, first come first served. Each is in it at most once, so that a ring of one place for each
/// possible descriptor never overflows.
struct RunQueue {
    private var sockets: [Int32]
    private var head = 0
    private(set) var count = 0

    init(capacity: Int) { sockets = [Int32](repeating: 0, count: capacity) }

    var isEmpty: Bool { count == 0 }

    mutating func add(_ socket: Int32) {
        precondition(count < sockets.count, "RunQueue: a connection is in it twice")
        sockets[(head + count) % sockets.count] = socket
        count += 1
    }

    mutating func take() -> Int32? {
        guard count > 0 else { return nil }
        defer {
            head = (head + 1) % sockets.count
            count -= 1
        }
        return sockets[head]
    }
}
