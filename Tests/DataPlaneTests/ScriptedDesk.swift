import CLinux
import LinuxCalls
import TestSupport

@testable import DataPlane

/// A worker over a script whose pairs come as jobs.
struct ScriptedDesk: ~Copyable {
    let script: Script
    let desk: JobDesk
    var worker: Worker<ScriptedEngine>
    private let control: WorkerControl
    /// The sockets that were lent, and their peers.
    private var sockets: [TestSocket]
    private var placesUsed: UInt32

    /// Where a job is, and which sockets or file it has.
    struct Lent {
        let place: UInt32
        let first: Int32
        let second: Int32
    }

    init(_ change: (inout WorkerSettings) -> Void = { _ in }) throws {
        let desk = JobDesk(try OutBell(), capacity: 16)
        let control = try WorkerControl(board: CounterBoard(upstreamCount: 0))
        var settings = WorkerSettings(target: .jobs(desk))
        settings.connectionsMax = desk.capacity
        settings.relay.policy = .splice
        // Nothing but what a test does ends a pair.
        settings.timeouts.idleMillis = .max / 4
        settings.timeouts.finMillis = .max / 4
        settings.timeouts.pipeIdleMillis = .max / 4
        change(&settings)
        self.desk = desk
        self.control = control
        script = Script()
        sockets = []
        placesUsed = 0
        worker = Worker(
            engine: ScriptedEngine(script: script), settings: settings, control: control,
            connections: ConnectionCount())
        worker.start([])
    }

    private mutating func pair() throws -> Int32 {
        let (near, far) = try TestPair.unix()
        sockets += [near, far]
        return far.number
    }

    /// Two sockets that are said to speak TCP; both lanes wait.
    mutating func tie(_ options: JobOptions = [], length: UInt64 = Job.noLimit) throws -> Lent {
        var job = Job(.tie, place: placesUsed)
        job.first = try pair()
        job.second = try pair()
        job.tcp = .both
        job.options = options
        job.length = length
        return give(job)
    }

    /// A file that is never looked at.
    mutating func send(_ length: UInt64, from offset: Int64 = 0) throws -> Lent {
        let lent = Lent(place: placesUsed, first: 1_000, second: try pair())
        placesUsed += 1
        sendOn(lent, length, from: offset, sentBefore: 0)
        return lent
    }

    /// The same once more, after somebody else has sent what was cold.
    mutating func sendOn(
        _ lent: Lent, _ length: UInt64, from offset: Int64 = 0, sentBefore: UInt64, _ options: JobOptions = []
    ) {
        var job = Job(.send, place: lent.place)
        job.first = lent.first
        job.second = lent.second
        job.tcp = .upstream
        job.offset = offset
        job.length = length
        job.sentBefore = sentBefore
        job.options = options
        precondition(desk.give(job), "the desk is closed")
        worker.turn()
    }

    private mutating func give(_ job: Job) -> Lent {
        placesUsed += 1
        precondition(desk.give(job), "the desk is closed")
        worker.turn()
        return Lent(place: job.place, first: job.first, second: job.second)
    }

    mutating func takeBack(_ lent: Lent) {
        _ = desk.give(Job(.takeBack, place: lent.place))
        worker.turn()
    }

    /// What a job has out for one of its lanes.
    func intent(_ lent: Lent, _ direction: Direction) -> Script.Open? {
        guard let slot = worker.jobs.slot(of: Job(.takeBack, place: lent.place)) else { return nil }
        return script.open.first {
            guard $0.tag.slot == slot, $0.tag.direction == direction else { return false }
            return $0.intent != .watch
        }
    }

    /// The same, where it must have something out.
    func wanted(_ lent: Lent, _ direction: Direction) throws -> Script.Open {
        guard let open = intent(lent, direction) else { throw SystemError(Errno.noEntry, in: "intent") }
        return open
    }

    /// One lane has woken, if it was resting, and has moved so many bytes.
    mutating func move(_ lent: Lent, _ direction: Direction, _ bytes: Int32) {
        if let rest = intent(lent, direction), rest.intent == .rest {
            script.answer(rest, .await, 1)
            worker.turn()
        }
        if let move = intent(lent, direction) { script.answer(move, fill: bytes, drain: bytes) }
        worker.turn()
    }

    func takeResults() -> [JobResult] {
        var results: [JobResult] = []
        _ = desk.results.take(atMost: desk.capacity) { results.append(copy $0) }
        return results
    }

    func count(_ counter: Counter) -> UInt64 { worker.counters[counter] }
}
