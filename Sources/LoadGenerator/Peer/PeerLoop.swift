import CLinux
import LinuxCalls

/// One thread of the far end: it accepts, reads headers, plays the peer's part of each plan, and hands out reports.
final class PeerLoop: ConnectionLoop {
    private let listeners: [(socket: Int32, isLocal: Bool)]
    private let shared: PeerRecords
    private let allBoards: [LoopBoard]
    /// The runs this thread has met; connections keep an index.
    private var records: [RunRecord] = []
    private var replies: [Int32: PeerReply] = [:]
    /// Listeners are not listened to before this time, after descriptors ran out.
    private var deafUntil: Int64 = 0

    /// Connections taken from one listener in one turn.
    private static let acceptsPerTurn = 64
    /// A stranger has this long to bring its header.
    private static let headerPatience: Int64 = 20_000_000_000
    private static let deafness: Int64 = 20_000_000

    /// - Parameters:
    ///   - boards: those of all loops, for the report.
    ///   - index: of this loop's own one.
    init(
        _ listeners: [(socket: Int32, isLocal: Bool)], _ shared: PeerRecords, _ boards: [LoopBoard], _ index: Int
    ) throws(SystemError) {
        self.listeners = listeners
        self.shared = shared
        allBoards = boards
        try super.init(boards[index])
        for listener in listeners {
            _ = try checked(clinux_epoll_add_level(poller, listener.socket, clinux_epoll_in), "epoll_ctl")
        }
    }

    override func noticed(_ socket: Int32) {
        guard let listener = listeners.first(where: { $0.socket == socket }) else { return }
        for _ in 0..<Self.acceptsPerTurn {
            let accepted = clinux_accept(socket)
            if accepted == Errno.tooManyInProcess || accepted == Errno.tooManyInSystem { return goDeaf() }
            guard accepted >= 0 else { return }
            guard adopt(accepted, .greeting, .peer, patience: Self.headerPatience) else {
                _ = clinux_close(accepted)
                continue
            }
            board.add(.opened)
            if !listener.isLocal { _ = clinux_set_no_delay(accepted) }
            slot(accepted).pointee.isLocal = listener.isLocal
            enqueue(accepted)
        }
    }

    /// The listeners are level-triggered: they would go on ringing.
    private func goDeaf() {
        guard deafUntil == 0 else { return }
        deafUntil = now + Self.deafness
        for listener in listeners { _ = clinux_epoll_remove(poller, listener.socket) }
    }

    /// One turn, and the listeners come back when their time is over.
    func turn() {
        turn(waiting: deafUntil == 0 ? 100_000_000 : Self.deafness)
        guard deafUntil > 0, now >= deafUntil else { return }
        deafUntil = 0
        for listener in listeners { _ = clinux_epoll_add_level(poller, listener.socket, clinux_epoll_in) }
    }

    // MARK: Headers

    override func receiveHeader(_ socket: Int32) {
        let connection = slot(socket)
        while connection.pointee.phase == .greeting {
            let count = clinux_receive(socket, buffer.baseAddress, Self.transferBytesMax)
            if count == Int64(Errno.again) || count == Int64(Errno.interrupted) { return }
            guard count > 0 else { return refuse(socket) }
            let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<Int(count)])
            let used = min(Header.bytes - connection.pointee.headerCount, bytes.count)
            let gone = connection.pointee.headerCount
            withUnsafeMutableBytes(of: &connection.pointee.header) {
                UnsafeMutableRawBufferPointer(rebasing: $0[gone..<(gone + used)])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<used]))
            }
            connection.pointee.headerCount += used
            guard connection.pointee.headerCount == Header.bytes else { continue }
            guard let header = withUnsafeBytes(of: connection.pointee.header, { Header($0) }) else {
                return refuse(socket)
            }
            begin(socket, header, rest: UnsafeRawBufferPointer(rebasing: bytes[used...]))
        }
    }

    /// A stranger, or a connection that was cut before it had said who it was.
    private func refuse(_ socket: Int32) {
        board.add(.strangers)
        end(socket, .close)
    }

    private func begin(_ socket: Int32, _ header: Header, rest: UnsafeRawBufferPointer) {
        let connection = slot(socket)
        if header.kind == .report { return beginReply(socket, header) }
        guard let index = recordIndex(header) else { return refuse(socket) }
        connection.pointee.join(header, record: index)
        connection.pointee.phase = .streaming
        connection.pointee.progressAt = now
        records[index].opened(header.id)
        if take(rest, socket) { stream(socket) }
    }

    private func recordIndex(_ header: Header) -> Int? {
        if let index = records.firstIndex(where: { $0.isOf(header) }) { return index }
        guard let record = shared.findOrMake(header) else { return nil }
        showUse()
        record.begin(allBoards.map(\.use))
        if let unused = records.firstIndex(where: { $0.openCount == 0 }), records.count >= PeerRecords.runsMax {
            records[unused] = record
            return unused
        }
        records.append(record)
        return records.count - 1
    }

    override func isOverdue(_ connection: UnsafeMutablePointer<Connection>) -> Bool {
        let isWaiting = connection.pointee.phase == .greeting || connection.pointee.phase == .replying
        let isLate = isWaiting && now - connection.pointee.progressAt > Self.headerPatience
        if isLate && connection.pointee.phase == .greeting { board.add(.strangers) }
        return isLate
    }

    override func record(of connection: UnsafeMutablePointer<Connection>) -> RunRecord? {
        connection.pointee.record < records.count ? records[connection.pointee.record] : nil
    }

    override func ended(_ connection: UnsafeMutablePointer<Connection>, _ outcome: Outcome?) {
        if connection.pointee.phase == .replying { replies[socketNumber(connection)] = nil }
        guard let outcome, let record = record(of: connection) else { return }
        if !record.ended(connection.pointee.id, outcome) { violate(connection, .seenTwice) }
    }

    // MARK: Reports

    private func beginReply(_ socket: Int32, _ header: Header) {
        showUse()
        let record = shared.find(header)
        let report = PeerReport(record, seed: header.seed, instance: shared.instance, boards: allBoards)
        replies[socket] = PeerReply(report.encoded(record?.ledger))
        slot(socket).pointee.phase = .replying
        slot(socket).pointee.progressAt = now
        reply(socket)
    }

    override func reply(_ socket: Int32) {
        guard var reply = replies[socket] else { return free(socket, resetting: true) }
        let sent = reply.send(to: socket)
        replies[socket] = reply
        if sent > 0 { slot(socket).pointee.progressAt = now }
        guard reply.isDone || reply.hasFailed else { return }
        replies[socket] = nil
        board.add(.finished)
        free(socket, resetting: reply.hasFailed)
    }
}
