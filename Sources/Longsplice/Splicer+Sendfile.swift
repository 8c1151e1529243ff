import DataPlane
import LinuxCalls

extension Splicer {
    /// Sends bytes, a part of a file, and bytes again into a connected stream socket, and suspends the caller until the socket has
    /// taken all of them. The file's bytes do not pass through user space. This is what sendfile(2) of FreeBSD and NetBSD does;
    /// the 2005 patch had left it at `ENOSYS`.
    ///
    /// What is in the page cache and fits into the socket is sent at once, by the calling thread, 2 MiB at most; the task is suspended
    /// only for the rest. The file's own position is neither used nor changed. What is not in the page cache is sent by threads that may wait
    /// for a disk, so that it holds up nobody else. The socket stays open, and its reading side is not touched.
    /// - Parameters:
    ///   - file: a regular file that can be read, lent for the call.
    ///   - socket: a connected TCP or UNIX stream socket, lent for the call.
    ///   - offset: where in the file to begin, in bytes.
    ///   - length: bytes of the file, nil for all up to its end. What lies behind the end it had when the call began is not sent.
    ///   - headers: sent before the file.
    ///   - trailers: sent after it.
    ///   - options: see `SendfileOptions`.
    /// - Returns: bytes sent, headers and trailers among them.
    /// - Throws: what went wrong, with the bytes sent until then. A task that is cancelled is told `.cancelled`.
    @discardableResult
    public func sendfile(
        _ file: Descriptor, to socket: Descriptor, offset: UInt64 = 0, length: UInt64? = nil, headers: [[UInt8]] = [],
        trailers: [[UInt8]] = [], options: SendfileOptions = []
    ) async throws(SendfileError) -> UInt64 {
        try await send(try lend(file, to: socket, offset, length, headers, trailers))
    }

    func send(_ file: consuming LentFile) async throws(SendfileError) -> UInt64 {
        var lent = file
        if !Task.isCancelled { lent.sendAtOnce(knowing: cachedParts, mayWait: false) }
        try SendfileError.refusing { () throws(SpliceError) in try lent.expectPeer() }
        if lent.isSent { return lent.length }
        let ticket = try keep(&lent)
        let job = lent.job(at: ticket.place)
        let isCold = lent.isCold
        let result = await withTaskCancellationHandler {
            await withUnsafeContinuation {
                let call = JobBook.Call(ticket: ticket, waiter: .task($0), job: job)
                if isCold { coldSender.add(call) } else { book.open(call) }
            }
        } onCancel: {
            book.takeBack(ticket)
        }
        return try lent.outcome(result)
    }

    /// As `sendfile(_:to:offset:length:headers:trailers:options:)`, for a thread that may sleep.
    package func sendfileBlocking(
        _ file: Descriptor, to socket: Descriptor, offset: UInt64, length: UInt64?, headers: [[UInt8]],
        trailers: [[UInt8]]
    ) throws(SendfileError) -> UInt64 {
        var lent = try lend(file, to: socket, offset, length, headers, trailers)
        lent.sendAtOnce(knowing: cachedParts, mayWait: true)
        try SendfileError.refusing { () throws(SpliceError) in try lent.expectPeer() }
        if lent.isSent { return lent.length }
        let ticket = try keep(&lent)
        let waiter = ThreadWaiter()
        book.open(JobBook.Call(ticket: ticket, waiter: .thread(waiter), job: lent.job(at: ticket.place)))
        return try lent.outcome(waiter.wait())
    }

    private func lend(
        _ file: Descriptor, to socket: Descriptor, _ offset: UInt64, _ length: UInt64?, _ headers: [[UInt8]],
        _ trailers: [[UInt8]]
    ) throws(SendfileError) -> LentFile {
        try SendfileError.refusing { () throws(SpliceError) in
            try LentFile(
                file, to: .forSending(into: socket), offset: offset, length: length, headers: headers,
                trailers: trailers)
        }
    }

    /// For whoever sends the rest.
    private func keep(_ lent: inout LentFile) throws(SendfileError) -> JobBook.Ticket {
        try SendfileError.refusing(after: lent.sent) { () throws(SpliceError) in
            try lent.keep(below: descriptorsMax)
            return try reserve()
        }
    }

    func reserve() throws(SpliceError) -> JobBook.Ticket {
        guard let ticket = book.reserve() else {
            throw SpliceError(
                .atCapacity, Errno.again, "as many calls are under way as the splicer was made for; raise its capacity")
        }
        return ticket
    }
}
