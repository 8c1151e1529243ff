import CLinux
import LinuxCalls

/// One thread of a run: it opens connections, plays the client's part of each plan, and takes the times.
final class RunLoop: ConnectionLoop {
    private(set) var latencies = Latencies()
    private(set) var endedAt: Int64 = 0
    /// When nothing new was begun any more; the end where that did not come before.
    private(set) var stoppedAt: Int64 = 0
    let settings: RunSettings
    let recipe: Recipe
    let record: RunRecord
    let order: Order
    let share: RunShare
    let startAt: Int64
    let endAt: Int64?
    /// From then on until the stop, answers, ends and times count.
    let measuredFrom: Int64
    var opened: UInt64 = 0
    var isStopping = false
    /// No open is tried before this time, after ports or room in an accept queue ran out.
    var postponedUntil: Int64 = 0

    /// Opened in one turn, so that a storm of connects does not hold up those already there.
    static let opensPerTurn: UInt64 = 64
    static let postponement: Int64 = 1_000_000
    static let turnNanoseconds: Int64 = 20_000_000

    init(_ settings: RunSettings, _ share: RunShare, _ record: RunRecord, _ order: Order, startAt: Int64)
        throws(SystemError)
    {
        self.settings = settings
        self.share = share
        self.record = record
        self.order = order
        self.startAt = startAt
        recipe = settings.wireRecipe
        measuredFrom = startAt + settings.warmUpNanoseconds
        endAt = settings.durationNanoseconds.map { startAt + settings.warmUpNanoseconds + $0 }
        try super.init(LoopBoard())
    }

    /// Runs to the end: all opened, all ended.
    func run() {
        while order.current < .cut {
            if !isStopping && (order.current == .stop || (endAt.map { now >= $0 } ?? false)) { stop() }
            openMore()
            if active == 0 && (isStopping || opened >= share.total) { break }
            turn(waiting: untilNextOpen)
        }
        showUse()
        endedAt = Clock.nowNanoseconds()
        if stoppedAt == 0 { stoppedAt = endedAt }
        // What an order has cut leaves no outcome and is not judged.
        forEachSlot { socket, _ in free(socket, resetting: true) }
        board.set(.hasLeft, 1)
    }

    // MARK: What the loop tells

    override func record(of connection: UnsafeMutablePointer<Connection>) -> RunRecord? { record }

    override func connectFailed(_ connection: UnsafeMutablePointer<Connection>, _ error: Int32) {
        failed(connection.pointee.id, error)
        let socket = socketNumber(connection)
        free(socket, resetting: false)
    }

    override func connected(_ connection: UnsafeMutablePointer<Connection>) {
        // A closed loop takes a request's time from when it can be sent.
        if recipe.workload == .pingpong && share.requestInterval == 0 { connection.pointee.dueAt = now }
        connection.pointee.at.isStopping = isStopping
    }

    override func heard(_ connection: UnsafeMutablePointer<Connection>) {
        guard recipe.workload == .churn || recipe.workload == .ledger, !isWarmingUp else { return }
        latencies.record(nanoseconds: Clock.nowNanoseconds() - connection.pointee.dueAt)
    }

    override func answered(_ connection: UnsafeMutablePointer<Connection>) {
        board.add(.turns)
        if isMeasured { board.add(.turnsMeasured) }
        if recipe.workload == .idle {
            connection.pointee.writeAfter = isStopping ? 0 : startAt + settings.idleNanoseconds
        }
        guard recipe.workload == .pingpong else { return }
        let time = Clock.nowNanoseconds()
        if !isWarmingUp { latencies.record(nanoseconds: time - connection.pointee.dueAt) }
        guard share.requestInterval > 0 else {
            connection.pointee.dueAt = time
            return
        }
        connection.pointee.dueAt += share.requestInterval
        connection.pointee.writeAfter = isStopping ? 0 : connection.pointee.dueAt
    }

    override func ended(_ connection: UnsafeMutablePointer<Connection>, _ outcome: Outcome?) {
        guard let outcome else { return }
        if isMeasured { board.add(.finishedMeasured) }
        _ = record.ended(connection.pointee.id, outcome)
    }

    private var isWarmingUp: Bool { now < measuredFrom }
    private var isMeasured: Bool { !isWarmingUp && !isStopping }

    // MARK: Stopping

    /// Nothing new; endless streams come to their end, and nobody is held any longer.
    private func stop() {
        isStopping = true
        stoppedAt = now
        forEachSlot { socket, connection in
            connection.pointee.at.isStopping = true
            connection.pointee.writeAfter = 0
            enqueue(socket)
        }
    }
}
