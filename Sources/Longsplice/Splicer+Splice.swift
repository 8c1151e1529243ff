import CLinux
import DataPlane
import LinuxCalls

extension Splicer {
    /// Ties two connected sockets, both ways, until both directions are done, and suspends the caller meanwhile.
    ///
    /// The end of one stream (FIN) is passed on while the other direction goes on. A reset is not: what came before it is
    /// delivered, and the outcome tells. Both sockets stay open, and are no more read or written when this returns.
    ///
    /// Sockets that keep records apart (SOCK_SEQPACKET, SOCK_DGRAM) get each record whole and in order, empty ones included. Those of
    /// datagrams have no end, so only a length, a cancellation or an error ends their splice. Descriptors that are sent along between UNIX
    /// sockets (SCM_RIGHTS) are dropped.
    ///
    /// Cancelling the task ends it promptly: what is in a pipe or buffer then is delivered where the other socket takes it at
    /// once, and is in the outcome otherwise, so no byte is swallowed and both sockets can be used on.
    /// - Parameters:
    ///   - a: a connected socket, lent for the call: TCP, UDP or UNIX of any type. Whether it blocks does not matter.
    ///   - b: another one of the same type; the same one for `.loopback`.
    ///   - options: how they are tied.
    /// - Throws: one of the reasons that `SpliceError` lists, before anything is moved.
    public func splice(
        _ a: Descriptor, _ b: Descriptor, options: SplicingOptions = []
    ) async throws(SpliceError) -> SplicingOutcome {
        try await splice(a, to: b, options: options)
    }

    /// As `splice(_:_:options:)`, with a bound for what goes from `a` to `b`.
    /// - Parameters:
    ///   - a: where the bytes come from.
    ///   - b: where they go.
    ///   - length: bytes from `a` to `b` at most, nil for no bound. When they are moved that direction is done: no FIN is sent, and
    ///     what else there is stays in `a`. A record is never cut: one that does not fit stays. The way
    ///     back, where there is one, has no bound.
    ///   - options: how they are tied.
    public func splice(
        _ a: Descriptor, to b: Descriptor, length: UInt64? = nil, options: SplicingOptions = []
    ) async throws(SpliceError) -> SplicingOutcome {
        let pair = try LentPair(a, b, length: length, options, descriptorsMax: descriptorsMax)
        let ticket = try reserve()
        let job = pair.job(at: ticket.place)
        let result = await withTaskCancellationHandler {
            await withUnsafeContinuation { book.open(JobBook.Call(ticket: ticket, waiter: .task($0), job: job)) }
        } onCancel: {
            book.takeBack(ticket)
        }
        return pair.outcome(result)
    }

    /// As `splice(_:to:length:options:)`, for a thread that may sleep: the ancestor's way.
    package func spliceBlocking(
        _ a: Descriptor, to b: Descriptor, length: UInt64?, options: SplicingOptions
    ) throws(SpliceError) -> SplicingOutcome {
        let pair = try LentPair(a, b, length: length, options, descriptorsMax: descriptorsMax)
        let ticket = try reserve()
        let waiter = ThreadWaiter()
        book.open(JobBook.Call(ticket: ticket, waiter: .thread(waiter), job: pair.job(at: ticket.place)))
        return pair.outcome(waiter.wait())
    }
}
