/// 64 bytes in the peer's report.
extension Violation {
    package static let wireBytes = 64

    func write(to wire: inout WireWriter) {
        wire.put(kind.rawValue)
        wire.put(side.rawValue)
        wire.put(direction.rawValue)
        wire.put(expected)
        wire.put(got)
        wire.put(UInt8(origin == nil ? 0 : 1))
        wire.put(origin?.direction.rawValue ?? 0)
        wire.put(UInt8(0))
        for word in [id, offset, origin?.id ?? 0, origin?.offset ?? 0, sent, received] { wire.put(word) }
        wire.put(Int64(errno))
    }

    /// Nil for what `write` does not make.
    init?(from wire: inout WireReader) {
        let kind = Kind(rawValue: wire.take(UInt8.self))
        let side = Side(rawValue: wire.take(UInt8.self))
        let direction = Direction(rawValue: wire.take(UInt8.self))
        let (expected, got) = (wire.take(UInt8.self), wire.take(UInt8.self))
        let hasOrigin = wire.take(UInt8.self) != 0
        let originDirection = Direction(rawValue: wire.take(UInt8.self))
        wire.skip(1)
        let (id, offset) = (wire.take(UInt64.self), wire.take(UInt64.self))
        let (originID, originOffset) = (wire.take(UInt64.self), wire.take(UInt64.self))
        let (sent, received) = (wire.take(UInt64.self), wire.take(UInt64.self))
        let errno = Int32(truncatingIfNeeded: wire.take(Int64.self))
        guard !wire.isShort, let kind, let side, let direction, let originDirection else { return nil }
        self.init(kind, id: id, side: side, direction: direction)
        (self.offset, self.expected, self.got) = (offset, expected, got)
        (self.sent, self.received, self.errno) = (sent, received, errno)
        if hasOrigin { origin = StreamPlace(id: originID, direction: originDirection, offset: originOffset) }
    }
}
