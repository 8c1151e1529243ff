import CLinux
import LinuxCalls

@testable import LoadGenerator

/// The bad relay's connections. It copies, and looks at every socket in turn: it is small, not fast.
struct RelayTraffic {
    private let listener: Int32
    private let upstream: SocketAddress
    private let fault: RelayFault
    private var pairs: [RelayPair] = []

    init(listener: Int32, upstream: SocketAddress, fault: RelayFault) {
        self.listener = listener
        self.upstream = upstream
        self.fault = fault
    }

    /// False when nothing moved.
    mutating func turn() -> Bool {
        var moved = accept()
        swap()
        for index in pairs.indices where !pairs[index].isGone {
            if pairs[index].turn(fault) { moved = true }
        }
        return moved
    }

    mutating func close() {
        for index in pairs.indices { pairs[index].close(resetting: false) }
        _ = clinux_close(listener)
    }

    private mutating func accept() -> Bool {
        let client = clinux_accept(listener)
        guard client >= 0 else { return false }
        if case .refuses = fault {
            _ = clinux_close(client)
            return true
        }
        let server = clinux_socket(upstream.family)
        let connected = upstream.withBytes { clinux_connect(server, $0.baseAddress, upstream.length) }
        precondition(connected >= 0 || connected == Errno.inProgress, "the peer of the test is gone")
        pairs.append(RelayPair(client, server, index: pairs.count))
        return true
    }

    /// The first two connections are held until both have enough bytes to exchange.
    private mutating func swap() {
        guard case .swapConnections(let offset) = fault, pairs.count >= 2 else { return }
        let start = Header.bytes + offset
        guard pairs[0].isHolding, pairs[1].isHolding else { return }
        guard pairs[0].lanes[0].pending.count > start + 64, pairs[1].lanes[0].pending.count > start + 64 else { return }
        let first = Array(pairs[0].lanes[0].pending[start..<(start + 64)])
        let second = Array(pairs[1].lanes[0].pending[start..<(start + 64)])
        pairs[0].lanes[0].pending.replaceSubrange(start..<(start + 64), with: second)
        pairs[1].lanes[0].pending.replaceSubrange(start..<(start + 64), with: first)
        pairs[0].isHolding = false
        pairs[1].isHolding = false
    }
}

/// One direction: what was read and not yet written, and what the reader's end was.
struct RelayLane {
    let source: Int32
    let sink: Int32
    var pending: [UInt8] = []
    /// Bytes read so far.
    var count = 0
    var hasEnded = false
    var hasPassedEnd = false
}

struct RelayPair {
    /// Up, down.
    var lanes: [RelayLane]
    var isGone = false
    /// The lane up waits for its partner of a swap.
    var isHolding: Bool

    init(_ client: Int32, _ server: Int32, index: Int) {
        lanes = [RelayLane(source: client, sink: server), RelayLane(source: server, sink: client)]
        isHolding = index < 2
    }

    mutating func turn(_ fault: RelayFault) -> Bool {
        var moved = false
        for index in 0..<2 where !isGone {
            if read(index, fault) { moved = true }
            if !isGone, write(index, fault) { moved = true }
        }
        if case .finThenReset(let count) = fault, !isGone {
            // More than the held half: its sender has seen the FIN.
            for index in 0..<2 where lanes[index].hasPassedEnd && lanes[1 - index].count > count + Header.bytes {
                close(resetting: true)
            }
        }
        if !isGone, lanes.allSatisfy(\.hasPassedEnd) { close(resetting: false) }
        return moved
    }

    mutating func close(resetting: Bool) {
        guard !isGone else { return }
        isGone = true
        for lane in lanes {
            if resetting { _ = clinux_set_reset_on_close(lane.source) }
            _ = clinux_close(lane.source)
        }
    }

    private mutating func read(_ index: Int, _ fault: RelayFault) -> Bool {
        var isSwapping = false
        if case .swapConnections = fault { isSwapping = index == 0 && isHolding }
        guard !lanes[index].hasEnded, lanes[index].pending.isEmpty || isSwapping else { return false }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = clinux_receive(lanes[index].source, &bytes, bytes.count)
        switch count {
        case 1...: take(Array(bytes[..<Int(count)]), index, fault)
        case 0:
            lanes[index].hasEnded = true
            if case .extraByte = fault, index == 0 { lanes[index].pending.append(0x55) }
        case Int64(Errno.again), Int64(Errno.notConnected): return false
        default: reset(index, fault)
        }
        return true
    }

    /// Faults that change bytes change those of the way up.
    private mutating func take(_ bytes: [UInt8], _ index: Int, _ fault: RelayFault) {
        var bytes = bytes
        let start = lanes[index].count - (index == 0 ? Header.bytes : 0)
        lanes[index].count += bytes.count
        let range = start..<(start + bytes.count)
        switch fault {
        case .dropByte(let offset) where index == 0 && range.contains(offset): bytes.remove(at: offset - start)
        case .repeatByte(let offset) where index == 0 && range.contains(offset):
            bytes.insert(bytes[offset - start], at: offset - start)
        case .flipBit(let offset) where index == 0 && range.contains(offset): bytes[offset - start] ^= 4
        case .finAt(let offset) where index == 0 && range.contains(offset):
            bytes.removeSubrange((offset - start)...)
            lanes[index].hasEnded = true
        case .resetAt(let offset) where index == 0 && range.contains(offset): return close(resetting: true)
        default: break
        }
        lanes[index].pending += bytes
    }

    private mutating func reset(_ index: Int, _ fault: RelayFault) {
        switch fault {
        case .resetBecomesFin: close(resetting: false)
        case .swallowsReset: lanes[index].hasEnded = true
        default: close(resetting: true)
        }
    }

    private mutating func write(_ index: Int, _ fault: RelayFault) -> Bool {
        if case .swapConnections = fault, index == 0, isHolding { return false }
        guard !lanes[index].pending.isEmpty else { return passEnd(index, fault) }
        let count = lanes[index].pending.withUnsafeBytes { clinux_send(lanes[index].sink, $0.baseAddress, $0.count) }
        switch count {
        case 1...: lanes[index].pending.removeFirst(Int(count))
        case Int64(Errno.again), Int64(Errno.notConnected): return false
        // A reset that a write finds: what the sink still had to say is of no use any more.
        default: reset(1 - index, fault)
        }
        return true
    }

    private mutating func passEnd(_ index: Int, _ fault: RelayFault) -> Bool {
        guard lanes[index].hasEnded, !lanes[index].hasPassedEnd else { return false }
        switch fault {
        case .swallowsReset: return false
        case .forgetsHalfClose where !lanes[1 - index].hasEnded: return false
        case .finBecomesReset: close(resetting: true)
        case .halfCloseClosesBoth: close(resetting: false)
        default: _ = clinux_shutdown_write(lanes[index].sink)
        }
        lanes[index].hasPassedEnd = true
        return true
    }
}
