/// Two sockets tied together: two lanes and one outcome. A pure state machine: it makes no system call and knows no engine.
///
/// The worker tells it what has happened (`resumed`, `expired`, …) and performs the `Step` it answers with.
/// ```
///   free ──begin──▶ connecting ──tie──▶ tied ──▶ untying ──(nothing in flight)──▶ free
///          │           ▲ ▲ └── given up ──┼──────▶ │
///          └▶ greeting ┘ └─▶ queued       └▶ flushing ▶┘   one side is lost, the other still gets its bytes, then RST
/// ```
/// The table of closing cases is in ARCHITECTURE.md and, case by case, in the tests.
package struct Knot: BitwiseCopyable {
    package enum Phase: UInt8, BitwiseCopyable {
        case free
        /// The client is heard before a server is chosen.
        case greeting
        /// All servers are full: the client waits for one.
        case queued
        case connecting
        case tied
        case flushing
        case untying
    }

    /// The PROXY header that a client has to begin with, where it speaks for others.
    package enum Header: UInt8, BitwiseCopyable {
        /// It need not give one.
        case none
        case owed
        /// It has given one, and is who that says.
        case given
    }

    package internal(set) var phase = Phase.free
    package internal(set) var cause = Cause.none
    /// Sides whose connection is gone.
    package internal(set) var lost: SideSet = []
    /// Sides that get RST instead of FIN when the knot is closed.
    package internal(set) var resets: SideSet = []
    /// Sides whose socket speaks TCP; the others are UNIX sockets.
    package internal(set) var tcp: SideSet = []
    /// Sides with a `watch` in flight.
    package internal(set) var watched: SideSet = []
    package internal(set) var isConnectInFlight = false
    /// Both ends are one socket: the ancestor's splice-to-self, an echo.
    package internal(set) var isLoopback = false
    /// Upstreams tried so far.
    package var attempts: UInt16 = 0
    /// Why the last upstream tried could not be connected.
    package var connectFailure: CounterBoard.ConnectFailure?
    /// The side whose FIN came first, once one has come.
    package internal(set) var endedFirst = Side.client
    package var upstreamIndex: UInt16 = 0
    /// The upstream that was tried first.
    var firstUpstream: UInt16 = 0
    /// Its upstream is a server of this pool.
    var pool: UInt16 = 0
    /// It is among the connections of its server.
    var isCountedAtServer = false
    /// Its sockets stay open when it ends: somebody else has lent them (`Job`).
    package internal(set) var isLent = false
    /// FIN is not passed on.
    package internal(set) var withholdsFin = false
    /// Sides to which FIN was sent before they were tied.
    package internal(set) var shut: SideSet = []
    /// Its sockets keep records apart: whole ones are carried, and nothing else is done.
    package internal(set) var keepsRecords = false
    /// One lane's source is a file: the upward one's of a lent knot, the downward one's of a knot that answers itself.
    package internal(set) var sendsFile = false
    /// No upstream could be had: the client gets a file, and what it says is discarded.
    package internal(set) var answersItself = false
    /// A lane has moved as many bytes as it may.
    package internal(set) var hasReachedLimit = false
    /// How its lanes may move their bytes.
    package internal(set) var relay = RelayPolicy.splice

    // Kept by the table, the worker's list of owed steps and the timer wheel; the state machine does not look at them. They stand
    // where they leave no gap.
    var isOwed = false
    var owed: Step = []
    var generation: UInt32 = 0
    var nextInList: UInt32 = Knot.nowhere

    package internal(set) var client: Int32 = -1
    package internal(set) var upstream: Int32 = -1
    /// When the present phase began.
    package internal(set) var sinceMillis: Int64 = 0
    private var lanes = InlineArray<2, Lane>(repeating: Lane())

    var timer = TimerEntry()
    // Behind it there is a gap.
    /// The listener it came through.
    var listener: UInt16 = 0
    /// Of the listener's table that counts the connection's client, 0 where there was none (`ListenerGate`); `uncounted` where the
    /// connection is counted nowhere: neither for its listener nor for its client (`ClientTable`).
    var clientsEpoch = Knot.uncounted
    package internal(set) var header = Header.none
    /// It stands in the line of those who wait for a server of its pool (`ClientQueues`).
    var isInLine = false
    /// Its lanes may move only so many bytes a second (`Pace`).
    var isPaced = false

    static let nowhere = UInt32.max
    static let uncounted: UInt8 = .max

    package init() {}

    /// Lent in place by its index: a lane is a cache line and a half, and copying it shows in profiles. Inlined always,
    /// since a coroutine that is called allocates its frame.
    package subscript(direction: Direction) -> Lane {
        @inline(__always) _read { yield lanes[Int(direction.rawValue)] }
        @inline(__always) _modify { yield &lanes[Int(direction.rawValue)] }
    }

    package var up: Lane {
        @inline(__always) _read { yield lanes[0] }
        @inline(__always) _modify { yield &lanes[0] }
    }

    package var down: Lane {
        @inline(__always) _read { yield lanes[1] }
        @inline(__always) _modify { yield &lanes[1] }
    }

    package func socket(of side: Side) -> Int32 { side == .client ? client : upstream }

    /// Completions that are still to come; the slot is freed only at zero, since close(2) ends no request in flight.
    package var inFlight: Int {
        Int(up.inFlight) + Int(down.inFlight) + watched.rawValue.nonzeroBitCount + (isConnectInFlight ? 1 : 0)
    }

    /// Bytes that wait in a pipe or in buffers for a slow reader.
    package var bytesHeld: Int32 { max(up.held, 0) &+ max(down.held, 0) }

    var activeAtMillis: Int64 { max(up.activeAtMillis, down.activeAtMillis) }

    /// What the lane can still use of a step that was owed for a while: the knot may have moved on in between.
    func wants(_ direction: Direction) -> Step {
        var step: Step = [.push, .passFin, .withdraw, .giveBack]
        step.formUnion(self[direction].usableSteps)
        if !watched.has(direction.source) { step.insert(.watch) }
        return step
    }

    // MARK: Beginning

    /// A client was accepted; an upstream is to be connected.
    package mutating func begin(client: Int32, isTCP: Bool, relay: RelayPolicy = .splice, at now: Int64) {
        self.client = client
        self.relay = relay
        phase = .connecting
        sinceMillis = now
        if isTCP { tcp.insert(.client) }
    }

    /// A connect to `socket` is out.
    package mutating func submittedConnect(_ socket: Int32, isTCP: Bool, at now: Int64) {
        upstream = socket
        sinceMillis = now
        isConnectInFlight = true
        if isTCP { tcp.insert(.upstream) } else { tcp.remove(.upstream) }
    }

    /// The attempt is over and its socket is closed.
    package mutating func forgetUpstream() { upstream = -1 }

    package mutating func submittedWatch(of side: Side) { watched.insert(.only(side)) }

    /// Both sockets stand: wait for both.
    package mutating func tie(at now: Int64) -> Step {
        phase = .tied
        sinceMillis = now
        up.activeAtMillis = now
        down.activeAtMillis = now
        return begin(.up).union(begin(.down))
    }

    /// One socket is both ends: whatever comes in goes out again.
    package mutating func tieToItself(at now: Int64) -> Step {
        isLoopback = true
        upstream = client
        if tcp.has(.client) { tcp.insert(.upstream) }
        phase = .tied
        sinceMillis = now
        up.activeAtMillis = now
        down.end()
        return begin(.up)
    }

    /// What a lent pair is tied for.
    package struct Terms: BitwiseCopyable {
        package var isOneWay = false
        package var withholdsFin = false
        package var keepsRecords = false
        /// Sides that have sent FIN before.
        package var shut: SideSet = []

        package init(
            isOneWay: Bool = false, withholdsFin: Bool = false, keepsRecords: Bool = false, shut: SideSet = []
        ) {
            self.isOneWay = isOneWay
            self.shut = shut
            self.keepsRecords = keepsRecords
            self.withholdsFin = withholdsFin
        }
    }

    /// Sends a file, and bytes before and behind it, into a socket that is somebody else's.
    package mutating func beginSending(_ file: Int32, to socket: Int32, isTCP: Bool, at now: Int64) -> Step {
        client = file
        upstream = socket
        if isTCP { tcp.insert(.upstream) }
        isLent = true
        sendsFile = true
        relay = .splice
        phase = .tied
        sinceMillis = now
        up.activeAtMillis = now
        down.end()
        up.move()
        return Step.move.on(.up)
    }

    /// Both sockets are somebody else's, who wants them back: their last FIN is passed on, and they are never reset.
    /// - Parameter second: negative for the first one itself.
    package mutating func tieLent(
        _ first: Int32, _ second: Int32, tcp: SideSet, relay: RelayPolicy, _ terms: Terms, at now: Int64
    ) -> Step {
        client = first
        self.tcp = tcp
        self.relay = relay
        isLent = true
        withholdsFin = terms.withholdsFin
        keepsRecords = terms.keepsRecords
        shut = terms.shut
        guard second >= 0 else { return tieToItself(at: now) }
        upstream = second
        guard terms.isOneWay else { return tie(at: now) }
        phase = .tied
        sinceMillis = now
        up.activeAtMillis = now
        down.activeAtMillis = now
        down.end()
        // Nobody reads from the second one, so only a watch tells when it is gone.
        return keepsRecords ? begin(.up) : begin(.up).union(Step.watch.on(.down))
    }

    /// No upstream can be had, and there is something to say about it. The file is the knot's own, to be closed with it.
    package mutating func answer(with file: Int32, for cause: Cause = .connectFailed, at now: Int64) -> Step {
        upstream = file
        tcp.remove(.upstream)
        self.cause = cause
        answersItself = true
        sendsFile = true
        relay = .splice
        phase = .tied
        sinceMillis = now
        up.activeAtMillis = now
        down.activeAtMillis = now
        up.rest()
        down.move()
        return Step.rest.on(.up).union(Step.move.on(.down))
    }

    private mutating func begin(_ direction: Direction) -> Step {
        guard relay == .splice else {
            self[direction].copy(relay == .copy ? .pinned : .new)
            return Step.receive.on(direction)
        }
        self[direction].rest()
        self[direction].reason = .pinned
        return Step.rest.on(direction)
    }
}
