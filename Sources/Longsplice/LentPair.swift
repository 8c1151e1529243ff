import CLinux
import DataPlane
import LinuxCalls

/// Two sockets for the time of one call: checked, duplicated, and given back as they were.
struct LentPair: ~Copyable {
    private let first: LentSocket
    /// Where a socket is tied to itself, one more duplicate of it, of which nothing is made.
    private let second: LentSocket
    private let length: UInt64?
    private let options: SplicingOptions

    init(
        _ a: Descriptor, _ b: Descriptor, length: UInt64?, _ options: SplicingOptions, descriptorsMax: Int
    ) throws(SpliceError) {
        let one = try SocketIdentity(a, "first socket")
        let other = try SocketIdentity(b, "second socket")
        guard one.kind == other.kind else {
            throw SpliceError(
                .unsupportedType, Errno.socketTypeNotSupported,
                "the sockets of descriptors \(a.number) and \(b.number) are of different types; splice ties two of one type"
            )
        }
        let isLoopback = options.contains(.loopback)
        guard (one.cookie == other.cookie) == isLoopback else {
            throw SpliceError(
                .sameSocket, Errno.invalid,
                isLoopback
                    ? ".loopback ties a socket to itself: give the same one twice"
                    : "descriptors \(a.number) and \(b.number) are of the same socket; .loopback ties one to itself")
        }
        let isOneWay = options.contains(.oneWay) && !isLoopback
        var first = try LentSocket(a, one, isOneWay ? .reads : [.reads, .writes], "first socket")
        var second = try LentSocket(
            b, other, isLoopback ? [] : isOneWay ? .writes : [.reads, .writes], "second socket")
        try first.duplicate(below: descriptorsMax)
        try second.duplicate(below: descriptorsMax)
        self.first = first
        self.second = second
        self.length = length
        self.options = options
    }

    func job(at place: UInt32) -> Job {
        var job = Job(.tie, place: place)
        job.first = first.number
        if first.identity.speaksTCP { job.tcp.insert(.client) }
        if !options.contains(.loopback) { job.second = second.number }
        if second.identity.speaksTCP { job.tcp.insert(.upstream) }
        if first.identity.isShut { job.shut.insert(.client) }
        if second.identity.isShut { job.shut.insert(.upstream) }
        if first.identity.kind.keepsRecords { job.options.insert(.keepsRecords) }
        if options.contains(.oneWay) { job.options.insert(.oneWay) }
        if options.contains(.withholdFin) { job.options.insert(.withholdsFin) }
        job.length = length ?? Job.noLimit
        return job
    }

    /// Reads a result, whose memory is let go of.
    func outcome(_ result: JobResult) -> SplicingOutcome {
        defer {
            result.leftUp.deallocate()
            result.leftDown.deallocate()
        }
        // Where the length was all there was to do, nobody's stream has ended.
        let isCut = result.end == .limit && !options.isDisjoint(with: [.oneWay, .loopback])
        return SplicingOutcome(
            ending: SplicingOutcome.Ending(result.end), endedBy: isCut ? nil : SplicingOutcome.Side(result.ender),
            bytesToSecond: result.bytesUp, bytesToFirst: result.bytesDown,
            undeliveredToSecond: Array(result.leftUp.bytes), undeliveredToFirst: Array(result.leftDown.bytes),
            duration: .nanoseconds(result.nanos), lastToSecond: .nanoseconds(result.lastUpNanos),
            lastToFirst: .nanoseconds(result.lastDownNanos))
    }
}

extension SplicingOutcome.Ending {
    init(_ end: ConnectionEnd) {
        switch end {
        case .fin: self = .finished
        case .limit: self = .lengthReached
        case .takenBack, .drain, .stopped: self = .cancelled
        case .reset: self = .reset
        case .idleTimeout, .finTimeout, .connectTimeout, .refused, .unreachable, .noPort, .rate, .denied, .shortage,
            .systemFailure, .lifetime, .serverDown, .noServer, .badPrologue, .prologueTimeout,
            .queueFull, .queueTimeout:
            self = .failed
        }
    }
}

extension SplicingOutcome.Side {
    init?(_ ender: ConnectionEnder) {
        switch ender {
        case .client: self = .first
        case .upstream: self = .second
        case .longsplice: return nil
        }
    }
}
