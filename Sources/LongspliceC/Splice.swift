import LinuxCalls
import Longsplice
import LongspliceHeader

// `@implementation` has the compiler hold each signature against longsplice.h, which says more of each.

/// Ties two sockets, both ways, until both are done. 0, or -1 with errno.
@c @implementation
public func longsplice_splice(
    _ fd1: Int32, _ fd2: Int32, _ outcome: UnsafeMutablePointer<longsplice_outcome>?
) -> Int32 {
    answer(splice(fd1, fd2, length: nil, flags: 0, outcome))
}

/// As `longsplice_splice`, with a length and flags.
@c @implementation
public func longsplice_splice_to(
    _ from: Int32, _ to: Int32, _ length: UInt64, _ flags: UInt32,
    _ outcome: UnsafeMutablePointer<longsplice_outcome>?
) -> Int32 {
    answer(splice(from, to, length: length == .max ? nil : length, flags: flags, outcome))
}

/// 0 or `-errno`.
private func splice(
    _ from: Int32, _ to: Int32, length: UInt64?, flags: UInt32, _ outcome: UnsafeMutablePointer<longsplice_outcome>?
) -> Int32 {
    let known = LONGSPLICE_ONE_WAY | LONGSPLICE_LOOPBACK | LONGSPLICE_WITHHOLD_FIN
    guard flags & ~known == 0 else { return Errno.invalid }
    guard !SplicerOfProcess.isAnothers else { return Errno.notSupported }
    do throws(SpliceError) {
        let told = try SplicerOfProcess.get().spliceBlocking(
            Descriptor(from), to: Descriptor(to), length: length, options: SplicingOptions(flags: flags))
        outcome?.pointee = longsplice_outcome(told)
        return 0
    } catch {
        return 0 &- error.errno
    }
}

extension SplicingOptions {
    fileprivate init(flags: UInt32) {
        self = []
        if flags & LONGSPLICE_ONE_WAY != 0 { insert(.oneWay) }
        if flags & LONGSPLICE_LOOPBACK != 0 { insert(.loopback) }
        if flags & LONGSPLICE_WITHHOLD_FIN != 0 { insert(.withholdFin) }
    }
}

extension longsplice_outcome {
    fileprivate init(_ told: SplicingOutcome) {
        let (seconds, attoseconds) = told.duration.components
        self.init(
            bytes_to_second: told.bytesToSecond, bytes_to_first: told.bytesToFirst,
            undelivered_to_second: UInt64(told.undeliveredToSecond.count),
            undelivered_to_first: UInt64(told.undeliveredToFirst.count),
            duration_ns: UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds) / 1_000_000_000,
            ending: Self.number(of: told.ending), ended_by: Self.number(of: told.endedBy))
    }

    private static func number(of ending: SplicingOutcome.Ending) -> Int32 {
        switch ending {
        case .finished: LONGSPLICE_FINISHED
        case .lengthReached: LONGSPLICE_LENGTH_REACHED
        case .reset: LONGSPLICE_RESET
        // Nobody cancels from C.
        case .failed, .cancelled: LONGSPLICE_FAILED
        }
    }

    private static func number(of side: SplicingOutcome.Side?) -> Int32 {
        switch side {
        case .first: LONGSPLICE_FIRST
        case .second: LONGSPLICE_SECOND
        case nil: LONGSPLICE_NEITHER
        }
    }
}
