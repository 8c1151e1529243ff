import CLinux
import LinuxCalls

/// Sends header, file and trailer of a job by send(2) and sendfile(2), at once: as much as the socket has room for, and no more than
/// keeps a thread for a fraction of a millisecond.
///
/// Whoever gives the job corks a TCP socket meanwhile where there is much to send (TCP_CORK): without it, every part that is written ends
/// in a short segment. A server of sendfile(2) in C has sent 1 GiB to one client at 0.8 of nginx's rate without and at 1.0 with it.
///
/// Not through the ring: each of its splices is handed to an io-wq thread and back, two of them for each chunk, which cost more
/// than the sending itself. Neither call waits, since the socket does not block and what is not in the page cache is left, unless the
/// thread may wait for a disk.
package enum FileCarry {
    /// Bytes after which a worker turns to its other connections, and a caller's thread leaves the rest to a worker. Many large
    /// files at once cost a tenth more where it is half as much.
    private static let budgetBytes = 2 << 20
    /// sendfile(2) moves so much at a time (PIPE_DEF_BUFFERS pages, linux/pipe_fs_i.h). A call that ends in between has one more move of a
    /// few bytes, and so has the next one: calls end at multiples of it in the file.
    private static let moveBytes: Int64 = 64 << 10

    /// - Parameters:
    ///   - moved: bytes of the job that have been sent before.
    ///   - readUpTo: up to here the file was read into the page cache for this job, or was found there; so much is sent without asking
    ///     again. What is found is added. `Int64.max` for a thread that may wait for a disk.
    ///   - isCallers: this is a thread of the caller's, which SIGPIPE would end.
    /// - Returns: of the source 0 where the file has ended before its time, `-EAGAIN` where it has to be read from the disk first.
    package static func carry(_ job: Job, from moved: UInt64, readUpTo: inout Int64, isCallers: Bool = false) -> Carried
    {
        var carried = Carried()
        let header = UInt64(job.header.count)
        let fileEnd = job.length &- UInt64(job.trailer.count)
        while true {
            let at = moved &+ UInt64(UInt32(bitPattern: carried.moved))
            let room = budgetBytes &- Int(carried.moved)
            guard at < job.length else {
                pushLastBytes(job)
                return carried
            }
            guard room > 0 else { return carried }
            let result: Int64
            if at < header {
                // In one segment with what follows.
                let count = min(Int(header &- at), room)
                let isLast = at &+ UInt64(count) == job.length
                result = send(job, job.header, from: Int(at), count, isLast: isLast)
            } else if at < fileEnd {
                let offset = job.offset &+ Int64(at &- header)
                let rest = fileEnd &- at
                let wanted =
                    rest <= UInt64(room) ? offset &+ Int64(rest) : (offset &+ Int64(room)) & ~(moveBytes &- 1)
                guard wanted > offset else { return carried }
                if readUpTo < wanted {
                    look(job, offset, upTo: wanted, ofFile: job.offset &+ Int64(clamping: fileEnd &- header), &readUpTo)
                }
                let count = Int(min(wanted, readUpTo) &- offset)
                guard count > 0 else {
                    // The disk begins before whoever waits for it is woken. Only once: it would begin anew with a small window.
                    if readUpTo == 0 { clinux_file_begin_reading(job.first, offset) }
                    carried.source = Errno.again
                    return carried
                }
                result =
                    isCallers
                    ? clinux_sendfile_quietly(job.second, job.first, offset, count)
                    : clinux_sendfile(job.second, job.first, offset, count)
                if result == 0 || result == Int64(Errno.inputOutput) || result == Int64(Errno.invalid) {
                    carried.source = Int32(truncatingIfNeeded: result)
                    return carried
                }
            } else {
                result = send(
                    job, job.trailer, from: Int(at &- fileEnd), min(Int(job.length &- at), room), isLast: true)
            }
            guard result > 0 else {
                carried.sink = Int32(truncatingIfNeeded: result)
                return carried
            }
            carried.moved &+= Int32(truncatingIfNeeded: result)
        }
    }

    /// So that none of them waits for an answer (Nagle, RFC 9293, 3.7.4) or for the cork's 200 ms. For whoever gives up a job, too.
    package static func pushLastBytes(_ job: Job) {
        if job.options.contains(.isCorked) {
            _ = clinux_set_corked(job.second, 0)
        } else if job.tcp.has(.upstream), clinux_is_no_delay(job.second) == 0 {
            _ = clinux_set_no_delay(job.second)
            _ = clinux_unset_no_delay(job.second)
        }
    }

    /// Asks the page cache for what is to be sent next, and a while ahead, so that nothing is sent in short pieces between two questions.
    private static func look(
        _ job: Job, _ offset: Int64, upTo end: Int64, ofFile fileEnd: Int64, _ readUpTo: inout Int64
    ) {
        let ahead = min(offset &+ askedAheadBytes, fileEnd)
        if ahead > end, clinux_file_is_cached(job.first, offset, ahead &- offset) == 1 {
            readUpTo = ahead
        } else if clinux_file_is_cached(job.first, offset, end &- offset) == 1 {
            readUpTo = end
        }
    }

    private static var askedAheadBytes: Int64 { 8 << 20 }

    private static func send(
        _ job: Job, _ bytes: UnsafeRawBufferPointer, from start: Int, _ count: Int, isLast: Bool
    ) -> Int64 {
        guard let base = bytes.baseAddress else { return 0 }
        return isLast
            ? clinux_send(job.second, base + start, count) : clinux_send_more(job.second, base + start, count)
    }
}
