import LinuxCalls

@testable import DataPlane

/// Buffers, and what the kernel does with them: the books say who has which, and the bytes that are in it.
struct SimulatedBuffers {
    /// Given to the kernel and not filled yet, the oldest first.
    var provided: [UInt16] = []
    /// Bytes of the buffers that the worker has, and the socket they came from.
    var filled: [UInt16: (bytes: ByteRuns, source: SimulatedSocket)] = [:]
    /// Sources by knot and direction, so that a pair is known before a byte has moved.
    var sources: [UInt64: SimulatedSocket] = [:]
    static let bytesMax = 4_096
}

extension SimulatedKernel {
    func provide(_ buffer: UInt16) {
        if buffers.provided.contains(buffer) { breaches.append("buffer \(buffer) was provided twice") }
        if intents.contains(where: { $0.worker == worker && $0.uses(buffer) }) {
            breaches.append("buffer \(buffer) was provided while it is being sent")
        }
        buffers.filled[buffer] = nil
        buffers.provided.append(buffer)
    }

    /// `place` speaks of all bytes that ever were in its buffer, some of which may have been sent.
    func join(_ slice: BufferSlice, behind place: BufferSlice) {
        guard var from = buffers.filled[slice.buffer], var to = buffers.filled[place.buffer] else {
            return breaches.append("buffers were joined that the worker does not have")
        }
        let isWhole = from.bytes.count == Int(slice.length) && to.bytes.count <= Int(place.length)
        if !isWhole || Int(place.length + slice.length) > SimulatedBuffers.bytesMax || from.source !== to.source {
            breaches.append("\(slice) was joined behind \(place)")
        }
        _ = from.bytes.take(from.bytes.count) { to.bytes.append($0) }
        buffers.filled[slice.buffer] = from
        buffers.filled[place.buffer] = to
    }

    func willRead(from source: SimulatedSocket, _ tag: DataPlane.Tag) {
        let own = DataPlane.Tag(
            slot: tag.slot, generation: tag.generation, operation: .receive, direction: tag.direction)
        let other = DataPlane.Tag(
            slot: tag.slot, generation: tag.generation, operation: .receive, direction: tag.direction.opposite)
        buffers.sources[own.rawValue] = source
        if let sink = buffers.sources[other.rawValue], !sink.isClosed, !source.isClosed { pair(source, sink) }
    }

    func check(_ slice: BufferSlice) {
        guard let held = buffers.filled[slice.buffer] else {
            return breaches.append("a send from buffer \(slice.buffer), which the worker does not have")
        }
        if held.bytes.count != Int(slice.length) {
            breaches.append("a send of \(slice.length) bytes from a buffer that holds \(held.bytes.count)")
        }
    }

    /// True where the receive is over.
    func runReceive(_ intent: inout Intent, _ source: SimulatedSocket) -> Bool {
        if let fault = receiveFault(source) {
            answer(intent.tag, fault)
            return true
        }
        if source.incoming.isEmpty {
            let result = source.resultOfEmptyRead
            guard result != Errno.again else { return false }
            answer(intent.tag, result)
            return true
        }
        guard !buffers.provided.isEmpty, !strikes(faults.noBuffers, "ENOBUFS from a receive") else {
            answer(intent.tag, Errno.noBuffers)
            return true
        }
        let buffer = buffers.provided.removeFirst()
        var bytes = ByteRuns()
        var limit = SimulatedBuffers.bytesMax
        if strikes(faults.shortFill, "short receive") { limit = 1 + random.below(limit) }
        let count = source.incoming.take(limit) { bytes.append($0) }
        buffers.filled[buffer] = (bytes, source)
        let ends = strikes(faults.multishotEnds, "multishot receive ends")
        // The reset had woken it together with the bytes, and nothing will do so again (see `Lane.probeMillis`).
        intent.isDeaf = source.incoming.isEmpty && source.resetCame
        let more: UInt32 = source.incoming.isEmpty ? 0 : Completion.sourceNotEmpty
        answer(intent.tag, Int32(count), goesOn: !ends, flags: Completion.flags(buffer: buffer) | more)
        return ends
    }

    private func receiveFault(_ source: SimulatedSocket) -> Int32? {
        if strikes(faults.interrupted, "EINTR from a receive") { return Errno.interrupted }
        if strikes(faults.canceled, "ECANCELED from a receive") { return Errno.canceled }
        if strikes(faults.noMemory, "ENOMEM from a receive") { return Errno.noMemory }
        guard strikes(faults.connectionDies, "ECONNRESET from a receive") else { return nil }
        kill(source)
        return Errno.reset
    }

    func send(_ slice: BufferSlice, _ sink: SimulatedSocket, again: Int) -> Int32 {
        guard var held = buffers.filled[slice.buffer] else { return Errno.badDescriptor }
        pair(held.source, sink)
        if strikes(again, "EAGAIN from a send") {
            sink.wasFull()
            return Errno.again
        }
        if strikes(faults.interrupted, "EINTR from a send") { return Errno.interrupted }
        if strikes(faults.canceled, "ECANCELED from a send") { return Errno.canceled }
        if strikes(faults.noMemory, "ENOMEM from a send") { return Errno.noMemory }
        if strikes(faults.noBuffers, "ENOBUFS from a send") { return Errno.noBuffers }
        if strikes(faults.connectionDies, "EPIPE from a send") {
            kill(sink)
            return Errno.brokenPipe
        }
        if sink.resetCame {
            let error = sink.takeError()
            return error != 0 ? error : Errno.brokenPipe
        }
        guard sink.hasRoom else {
            sink.wasFull()
            return Errno.again
        }
        var count = min(Int(slice.length), sink.outgoingRoom - sink.outgoing.count)
        if strikes(faults.shortDrain, "short send") { count = 1 + random.below(count) }
        let sent = held.bytes.take(count) { sink.outgoing.append($0) }
        buffers.filled[slice.buffer] = held
        if sent < Int(slice.length) { sink.wasFull() }
        return Int32(sent)
    }
}
