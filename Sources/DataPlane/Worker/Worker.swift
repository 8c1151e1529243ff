import CLinux
import LinuxCalls

/// One thread's world: an engine, the knots, their pipes, deadlines and counters. Nothing in here is shared, and nothing is
/// allocated once it runs.
///
/// A turn is: hand the intents to the engine and wait · reap completions · make up for owed steps · resume the knot of
/// each completion · look at the deadlines · publish the counters. Completions are only copied out while the ring is read;
/// what follows from them is done afterwards, as kcont(9) ran a continuation at a level where the socket may be touched.
package struct Worker<E: Engine & ~Copyable>: ~Copyable {
    package var engine: E
    let settings: WorkerSettings
    let control: WorkerControl
    let board: BoardWriter
    let connections: ConnectionCount
    let clients: ClientCounts?
    /// Nil for a worker that is alone.
    var seat: Seat?

    package var table: KnotTable
    package var pipes: PipePool
    package var buffers: BufferPool
    package let counters = Counters()
    var wheel: TimerWheel
    var lowWaters = LowWaterTable()
    /// No mark has to be lowered for want of bytes before this.
    var lowWatersDueMillis = Int64.max
    /// Kept for the table's sake.
    var poolSet: PoolSet
    var servers: PoolTable
    var listeners: ListenerTable
    /// Clients for whom no server of their pool has room.
    var queues: ClientQueues
    /// A server of a pool for which clients wait here may have room.
    var areQueuesDue = false
    /// They are looked at then in any case.
    var queuesLookAtMillis: Int64
    /// Of open connections that somebody wants a record of (`record(of:)`).
    let records: SlotTable<ConnectionRecord>
    /// For whom open connections are counted: at its end one may have nobody at the other end who could be asked.
    let clientKeys: SlotTable<ClientKey?>
    /// Of knots whose lanes may move only so many bytes a second.
    let paces: SlotTable<Pace>
    var pen: RecordPen?
    var jobs: JobTable
    /// Jobs that send files, each of which waits for room as long as it is here.
    var filesBeingSent = 0
    let batch = CompletionBatch()
    /// For the few bytes that pass through user space; touched only then.
    let plainBuffer = UnsafeMutableRawPointer.allocate(byteCount: PlainCarry.bytesMax, alignment: 64)

    /// The time of this turn.
    var now: Int64
    /// The wall clock when the worker was made.
    let beganAtWallMillis: Int64
    /// Of the next connection that wants a number.
    var serial: UInt64 = 0
    /// Knots whose last step could not be performed: a list through `nextInList`.
    var firstOwed = Knot.nowhere
    /// Steps that are owed with `later` are not looked at before.
    var laterAtMillis: Int64
    /// Something that is owed can go on at once.
    var isHurried = false
    /// How often a server had gone down when sessions were last looked at.
    var fallsSeen: UInt64 = 0
    /// No pipe could be had; none is asked for before, unless one is given back.
    var pipesRetryAtMillis: Int64
    var order = WorkerControl.Order.run
    /// Pairs and accepts are let go of, the worker leaves.
    var isLeaving = false
    /// Listeners that are to be closed, and are not yet.
    var listenersLeaving = 0
    /// The submission queue had no room for the bell; it is listened for again at the next turn.
    private var isDeaf = false
    private var trimAtMillis: Int64
    private var spin = SpinRecord()

    /// How often a worker looks at paused listeners, for whose cause to pass there is no event.
    static var retryMillis: Int64 { 50 }
    private static var trimMillis: Int64 { 1_000 }

    package init(
        engine: consuming E, settings: WorkerSettings, control: WorkerControl, connections: ConnectionCount
    ) {
        self.engine = engine
        self.settings = settings
        self.control = control
        board = control.board.writer
        self.connections = connections
        now = self.engine.nowMillis()
        beganAtWallMillis = self.engine.wallMillis()
        trimAtMillis = now
        laterAtMillis = now
        queuesLookAtMillis = now
        pipesRetryAtMillis = now
        table = KnotTable(capacity: settings.slots)
        pipes = PipePool(capacity: settings.pipesMax, bytes: settings.pipeBytes)
        buffers = BufferPool(capacity: self.engine.buffers.count)
        wheel = TimerWheel(startingAt: now)
        let pools = settings.pools ?? PoolSet([])
        poolSet = pools
        servers = PoolTable(pools, settings.timeouts, worker: settings.index)
        listeners = ListenerTable([])
        let poolsMax = settings.isChangeable ? QueueBoard.poolsMax : pools.pools.count
        queues = ClientQueues(
            settings.placement?.queues ?? QueueBoard(workers: 1, pools: poolsMax),
            worker: settings.placement == nil ? 0 : settings.index)
        clients = settings.clients?.counts
        seat = settings.placement?.seat(of: settings.index)
        pen = settings.records?.pen
        jobs = JobTable(settings.desk, slotCount: settings.slots)
        paces = SlotTable(capacity: settings.pacesAny ? settings.slots : 0)
        records = SlotTable(capacity: settings.keepsRecords ? settings.slots : 0)
        clientKeys = SlotTable(capacity: settings.countsClients ? settings.slots : 0)
        // Before any port is open, so that even the first connections are shared out.
        seat?.open(ringing: control.bell)
        queues.board.open(ringing: control.bell)
        jobs.orders?.open(ringing: control.bell)
    }

    deinit {
        pipes.closeIdle(engine)
        plainBuffer.deallocate()
    }

    /// Serves until it is told to leave and the last knot is free.
    ///
    /// Not inlined, so that the loop stands by itself in the binary: a test reads there that it counts no references,
    /// allocates nothing and checks no exclusivity.
    @inline(never)
    package mutating func run() {
        while !isDone { turn() }
        closeListeners()
        queues.board.close()
        abandonAll()
        handOverRecords()
        handOverResults()
        publish()
    }

    /// Takes listening sockets, which the worker closes, and begins to accept.
    package mutating func start(_ list: [(socket: Int32, isTCP: Bool)]) {
        listeners = ListenerTable(
            list.enumerated().map { index, one in
                Listener(socket: one.socket, isTCP: one.isTCP, number: UInt16(truncatingIfNeeded: index))
            })
        board.publish(.generation, Int(truncatingIfNeeded: poolSet.generation))
        engine.attach(control.bell)
        buffers.supply(&engine)
        listenForBell()
        retryPaused()
    }

    /// Jobs are answered in any case: they are cut at once, and nobody else is waited for.
    var isDone: Bool {
        (order == .stop && !jobs.exists) || (isLeaving && table.count == 0 && allListenersClosed)
    }

    package mutating func turn() {
        let count = waitAndReap()
        now = engine.nowMillis()
        buffers.beginTurn()
        payOwed()
        for index in 0..<count { resume(batch[index]) }
        takeOver()
        takeJobs()
        leaveFallen()
        expire()
        lowerWaters()
        serveQueues()
        if isDeaf { listenForBell() }
        if isClosingListeners { stopAccepting() }
        if !isLeaving { retryPaused() }
        trimPipes()
        handOverRecords()
        handOverResults()
        counters.add(.turns)
        counters.add(.completions, UInt64(truncatingIfNeeded: count))
        publish()
    }

    /// Before it sleeps a worker may spin for a moment, if that has paid lately: waking a processor costs more than what a
    /// message between two busy programs takes. It never spins while bytes are in pipes, since those are the kernel threads'
    /// to move and the processor may be what they wait for; nor while files are sent, whose readers may wait for it.
    private mutating func waitAndReap() -> Int {
        let wait = waitNanoseconds()
        guard wait != 0, settings.spinNanoseconds > 0, pipes.borrowed == 0, filesBeingSent == 0 else {
            engine.turn(waitingNanoseconds: wait, counters)
            return engine.reap(into: batch, counters)
        }
        let spins = spin.isWorthwhile
        if spins {
            engine.turn(waitingNanoseconds: 0, counters)
            var count = engine.reap(into: batch, counters)
            if count > 0 { return count }
            counters.add(.spins)
            let end = engine.nowNanos() &+ settings.spinNanoseconds
            repeat {
                if engine.isRipe {
                    engine.turn(waitingNanoseconds: 0, counters)
                    count = engine.reap(into: batch, counters)
                    if count > 0 {
                        spin.hasPaid()
                        return count
                    }
                }
            } while engine.nowNanos() < end
            spin.wasInVain()
        }
        let start = engine.nowNanos()
        engine.turn(waitingNanoseconds: wait, counters)
        let count = engine.reap(into: batch, counters)
        // After a spin in vain a short sleep tells only that it took more than a spin.
        if !spins && count > 0 && engine.nowNanos() &- start < settings.spinNanoseconds { spin.wouldHavePaid() }
        return count
    }

    /// Until the next deadline, or without end where nothing has one.
    private func waitNanoseconds() -> Int64 {
        if isHurried || seat?.hasNewcomers == true || jobs.hasOrders { return 0 }
        var millis = wheel.millisUntilNext(at: now) ?? .max
        if queues.count > 0 { millis = min(millis, areQueuesDue ? 0 : max(0, queuesLookAtMillis &- now)) }
        if firstOwed != Knot.nowhere { millis = min(millis, TimerWheel.tickMillis) }
        if hasPausedListener { millis = min(millis, Self.retryMillis) }
        if isDeaf || (isClosingListeners && hasArmedListener) { millis = min(millis, TimerWheel.tickMillis) }
        if lowWatersDueMillis != .max { millis = min(millis, max(0, lowWatersDueMillis &- now)) }
        if pipes.open > pipes.borrowed { millis = min(millis, Self.trimMillis) }
        return millis == .max ? -1 : millis &* 1_000_000
    }

    private mutating func trimPipes() {
        guard now >= trimAtMillis else { return }
        trimAtMillis = now &+ Self.trimMillis
        pipes.trim(engine, counters)
        buffers.trim()
    }

    private func publish() {
        board.publish(counters)
        board.publish(.active, table.count)
        board.publish(.pipesOpen, pipes.open)
        board.publish(.pipesBorrowed, pipes.borrowed)
    }

    /// Told to stop at once, the worker leaves pairs behind. Their sockets are closed; what is still in flight for them ends
    /// with the engine.
    private mutating func abandonAll() {
        for slot in 0..<table.slotsEverUsed where table[slot].pointee.phase != .free {
            let knot = table[slot]
            giveBack(&knot.pointee.up)
            giveBack(&knot.pointee.down)
            close(knot.pointee.client, resetting: true)
            if knot.pointee.upstream >= 0 && !knot.pointee.isLoopback { close(knot.pointee.upstream, resetting: true) }
            endRecord(slot)
            uncount()
        }
    }

    // MARK: Orders

    mutating func listenForBell() {
        isDeaf = !engine.awaitReadable(control.bell, Self.bellTag)
    }

    mutating func obeyBell() {
        _ = clinux_event_clear(control.bell)
        listenForBell()
        areQueuesDue = true
        adoptChanges()
        let given = control.current
        guard given > order else { return }
        order = given
        isLeaving = true
        leaveGroup()
        closeDesk()
        if order == .cut || jobs.exists { cutAll() }
    }

    private mutating func cutAll() {
        for slot in 0..<table.slotsEverUsed where table[slot].pointee.phase != .free {
            let knot = table[slot]
            follow(knot.pointee.cut(.drain), slot)
        }
    }

    /// The bell is no knot: a slot that no table reaches.
    static var bellTag: Tag { Tag(slot: Knot.nowhere, generation: 0, operation: .await) }
}
