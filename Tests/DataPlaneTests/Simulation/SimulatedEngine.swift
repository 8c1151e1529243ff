import LinuxCalls

@testable import DataPlane

/// The third engine: it answers from a kernel in memory.
struct SimulatedEngine: Engine, ~Copyable {
    let kernel: SimulatedKernel
    /// Nobody writes into it: what is in a buffer is the kernel's to know.
    let buffers: BufferMemory

    init(kernel: SimulatedKernel, bufferCount: Int = 256) {
        self.kernel = kernel
        var settings = BufferSettings()
        settings.bytes = 4_096
        settings.count = bufferCount
        guard let memory = BufferMemory.reserve(settings) else { preconditionFailure("SimulatedEngine: no memory") }
        buffers = memory
    }

    deinit { buffers.release() }

    func attach(_ socket: Int32) {
        guard socket >= SimulatedKernel.firstNumber else { return }  // the bell
        kernel.socket(socket)?.isAttached = true
    }

    func detach(_ number: Int32) {
        guard kernel.isSocket(number) else { return }  // a listener
        kernel.socket(number)?.isAttached = false
    }

    func accept(_ listener: Int32, _ tag: DataPlane.Tag) -> Bool { kernel.submit(Intent(tag, .accept)) }

    func connect(_ number: Int32, to address: UnsafePointer<SocketAddress>, _ tag: DataPlane.Tag) -> Bool {
        guard let socket = kernel.socket(number), kernel.submit(Intent(tag, .connect(socket))) else { return false }
        socket.isAttached = true
        return true
    }

    func awaitReadable(_ number: Int32, _ tag: DataPlane.Tag) -> Bool {
        guard number >= SimulatedKernel.firstNumber else {
            return kernel.submit(Intent(tag, .bell(number)))
        }
        guard let socket = kernel.socket(number) else { return true }
        kernel.willRead(from: socket, tag)
        return kernel.submit(Intent(tag, .awaitReadable(socket)))
    }

    func watch(_ number: Int32, _ tag: DataPlane.Tag) -> Bool {
        kernel.socket(number).map { kernel.submit(Intent(tag, .watch($0))) } ?? true
    }

    func move(
        from source: Int32, through pipe: PipePool.Pipe, to sink: Int32, length: UInt32, _ tag: DataPlane.Tag
    ) -> Bool {
        guard let from = kernel.socket(source), let to = kernel.socket(sink), let through = kernel.pipe(pipe.writeEnd)
        else { return true }
        kernel.willRead(from: from, tag)
        if !through.bytes.isEmpty { kernel.breaches.append("a fill was armed while the pipe holds bytes") }
        if kernel.intents.contains(where: { $0.uses(through) }) { kernel.breaches.append("a pipe serves two requests") }
        return kernel.submit(Intent(tag, .move(from: from, through: through, to: to, length: Int(length))))
    }

    func drainHeld(
        from pipe: PipePool.Pipe, to sink: Int32, length: UInt32, isWatched: Bool, _ tag: DataPlane.Tag
    ) -> Bool {
        guard let to = kernel.socket(sink), let from = kernel.pipe(pipe.readEnd) else { return true }
        if from.bytes.count != Int(length) {
            kernel.breaches.append("a drain of \(length) bytes for a pipe that holds \(from.bytes.count)")
        }
        return kernel.submit(
            Intent(tag, .drainHeld(from: from, to: to, length: Int(length), isWatched: isWatched)))
    }

    var isRipe: Bool { true }
    func provide(_ buffer: UInt16) { kernel.provide(buffer) }
    func join(_ slice: BufferSlice, behind place: BufferSlice) { kernel.join(slice, behind: place) }

    func receive(from source: Int32, _ tag: DataPlane.Tag) -> Bool {
        guard let from = kernel.socket(source) else { return true }
        if kernel.intents.contains(where: { $0.receives(from: from) }) {
            kernel.breaches.append("two receives from one socket")
        }
        kernel.willRead(from: from, tag)
        return kernel.submit(Intent(tag, .receive(from)))
    }

    func send(_ slice: BufferSlice, to sink: Int32, waits: Bool, isWatched: Bool, _ tag: DataPlane.Tag) -> Bool {
        guard let to = kernel.socket(sink) else { return true }
        kernel.check(slice)
        if kernel.intents.contains(where: { $0.sends(to: to) }) { kernel.breaches.append("two sends to one socket") }
        return kernel.submit(Intent(tag, .send(slice, to: to, waits: waits && !isWatched)))
    }

    func hasHungUp(_ socket: Int32) -> Bool { kernel.socket(socket)?.hasHungUp ?? false }

    func hasEnded(_ socket: Int32) -> Bool {
        kernel.socket(socket).map { $0.resetCame || $0.finCame } ?? false
    }

    func cancel(_ target: DataPlane.Tag, on socket: Int32, _ tag: DataPlane.Tag) -> Bool { kernel.cancel(target, tag) }

    func turn(waitingNanoseconds: Int64, _ counters: borrowing Counters) {
        kernel.turn(waitingMillis: waitingNanoseconds < 0 ? .max : waitingNanoseconds / 1_000_000)
    }

    func reap(into batch: borrowing CompletionBatch, _ counters: borrowing Counters) -> Int { kernel.reap(into: batch) }
}

/// The plain calls, from the same memory.
extension SimulatedEngine {
    func nowNanos() -> Int64 { kernel.nowMillis * 1_000_000 }
    func nowMillis() -> Int64 { kernel.nowMillis }
    func wallMillis() -> Int64 { kernel.nowMillis }
    func ring(_ event: Int32) { kernel.rungBells.insert(event) }

    /// Nine clients, and one who has gone before it is asked.
    func peerAddress(of socket: Int32, _ address: inout SocketAddress) -> Int32 {
        let client = SocketAddress(numeric: "10.0.0.\(socket % 10)", port: 1)
        address = socket % 10 == 0 ? .unknown : client ?? .unknown
        return address.isUnknown ? Errno.notConnected : 0
    }

    func openSocket(family: Int32) -> Int32 {
        guard kernel.hasDescriptor, !kernel.strikes(kernel.faults.socketFails, "socket fails") else {
            kernel.hasFailedConnects = true
            return Errno.tooManyInProcess
        }
        return kernel.makeSocket().number
    }

    func bindSource(_ socket: Int32, _ address: UnsafePointer<SocketAddress>) -> Int32 { 0 }
    func prepareTCP(_ socket: Int32) {}
    func setOption(_ socket: Int32, _ option: SocketOption) -> Int32 { 0 }
    func push(_ socket: Int32) {}
    func acceptNow(_ listener: Int32) -> Int32 { kernel.acceptOne() ?? Errno.again }
    func setLowWater(_ socket: Int32, _ bytes: Int32) { kernel.socket(socket)?.lowWater = Int(bytes) }
    func shutdownWrite(_ socket: Int32) { kernel.socket(socket)?.finSent = true }
    func setResetOnClose(_ socket: Int32) { kernel.socket(socket)?.resetsOnClose = true }
    func unsentBytes(_ socket: Int32) -> Int32 { Int32(kernel.socket(socket)?.outgoing.count ?? 0) }
    func pendingError(_ socket: Int32) -> Int32 { kernel.socket(socket)?.takeError() ?? 0 }
    func close(_ descriptor: Int32) { kernel.close(descriptor) }

    func makePipe(bytes: Int32, _ pipe: inout PipePool.Pipe) -> Int32 {
        guard kernel.hasDescriptor, !kernel.strikes(kernel.faults.pipeFails, "pipe2 fails") else {
            return kernel.random.draws(500) ? Errno.tooManyInProcess : Errno.noMemory
        }
        let isSmall = kernel.strikes(kernel.faults.pipeSmall, "small pipe")
        let made = kernel.makePipe(capacity: isSmall ? 4_096 : Int(bytes))
        pipe = PipePool.Pipe(readEnd: made.readEnd, writeEnd: made.writeEnd, capacity: UInt32(made.capacity))
        return 0
    }

    func carry(
        from source: Int32, to sink: Int32, by buffer: UnsafeMutableRawPointer, isTCP: Bool, canHangUp: Bool,
        atMost: Int32
    ) -> Carried {
        guard let from = kernel.socket(source), let to = kernel.socket(sink) else {
            return Carried(source: Errno.badDescriptor)
        }
        return kernel.carry(from, to, canHangUp: canHangUp, atMost: Int(atMost))
    }

    func readPlainly(
        from source: Int32, into pipe: PipePool.Pipe, by buffer: UnsafeMutableRawPointer, canHangUp: Bool, atMost: Int
    ) -> Int32 {
        guard let socket = kernel.socket(source), let into = kernel.pipe(pipe.writeEnd) else {
            return Errno.badDescriptor
        }
        if kernel.strikes(kernel.faults.interrupted, "EINTR from a plain read") { return Errno.interrupted }
        if kernel.strikes(kernel.faults.noMemory, "ENOMEM from a plain read") { return Errno.noMemory }
        guard !socket.incoming.isEmpty else {
            let result = socket.resultOfEmptyRead
            return result == 0 && canHangUp && socket.hasHungUp ? Errno.reset : result
        }
        if !into.bytes.isEmpty { kernel.breaches.append("a plain read into a pipe that holds bytes") }
        return Int32(socket.incoming.take(min(PlainRead.bytesMax, atMost)) { into.bytes.append($0) })
    }
}
