import LinuxCalls

@testable import DataPlane

/// Everything below the worker, in memory: sockets, pipes, far ends, time, and a plan of what goes wrong.
///
/// One seed is one run, to the last completion. Nothing in here knows what the worker should do; it keeps the engine's
/// contract, checks that the worker keeps it, and the peers check the bytes.
final class SimulatedKernel {
    var random: SeededRandom
    let faults: FaultPlan
    private(set) var nowMillis: Int64 = 1_000
    var intents: [Intent] = []
    /// Each worker's buffers.
    private var buffersOfWorkers: [Int: SimulatedBuffers] = [:]
    var buffers: SimulatedBuffers {
        get { buffersOfWorkers[worker] ?? SimulatedBuffers() }
        set { buffersOfWorkers[worker] = newValue }
    }
    /// Which worker has its turn: intents and answers are each worker's own, everything else is the process's.
    var worker = 0
    /// Bells (eventfd(2)) that ring, and are heard by whoever waits for them.
    var rungBells: Set<Int32> = []
    /// What the worker has done against the contract.
    var breaches: [String] = []
    /// Completions handed to the worker.
    private(set) var operations = 0
    /// How often each fault was injected, by name.
    var injected: [String: Int] = [:]

    // Descriptors: numbers are used again at once, the last one closed first, so that a late use hits a stranger.
    private var objects: [Object?] = []
    private var vacant: [Int32] = []
    private(set) var openDescriptors = 0
    var descriptorsMax = Int.max
    static let firstNumber: Int32 = 1_000_000

    // Completions on their way
    private var pending: [Pending] = []
    private var turns = 0
    private var refusals = 0

    // Far ends
    private var waitingClients: [FarEnd] = []
    private var serversMade = 0
    /// Some connect was refused or some socket could not be made, so a client may be sent away unserved.
    var hasFailedConnects = false
    private(set) var clientsMade = 0
    private var livePeers: [FarEnd] = []
    var clientsWanted = 0
    var clientsAtOnce = 1
    private(set) var violations: [String] = []

    private enum Object {
        case socket(SimulatedSocket)
        case pipe(SimulatedPipe)
        case listener
    }

    private struct Pending {
        let worker: Int
        let answer: Completion
        let dueTurn: Int
    }

    private let serversMayWait: Bool

    init(seed: UInt64, _ faults: FaultPlan) {
        serversMayWait = seed % 2 == 0
        random = SeededRandom(state: seed)
        self.faults = faults
    }

    /// Draws one fault; true where it strikes.
    func strikes(_ perMille: Int, _ name: String) -> Bool {
        guard random.draws(perMille) else { return false }
        injected[name, default: 0] += 1
        return true
    }

    // MARK: Descriptors

    func makeListener() -> Int32 { place(.listener) }

    func makeSocket() -> SimulatedSocket {
        let room = 512 << random.below(7)
        var made: SimulatedSocket?
        _ = place { number in
            let socket = SimulatedSocket(number, room: room)
            made = socket
            return .socket(socket)
        }
        guard let made else { preconditionFailure("SimulatedKernel: no socket") }
        return made
    }

    func makePipe(capacity: Int) -> SimulatedPipe {
        let readEnd = nextNumber()
        let writeEnd = nextNumber()
        let pipe = SimulatedPipe(readEnd: readEnd, writeEnd: writeEnd, capacity: capacity)
        objects[Int(readEnd - Self.firstNumber)] = .pipe(pipe)
        objects[Int(writeEnd - Self.firstNumber)] = .pipe(pipe)
        return pipe
    }

    private func nextNumber() -> Int32 {
        openDescriptors += 1
        if let number = vacant.popLast() { return number }
        objects.append(nil)
        return Self.firstNumber + Int32(objects.count - 1)
    }

    private func place(_ object: Object) -> Int32 { place { _ in object } }

    private func place(_ make: (Int32) -> Object) -> Int32 {
        let number = nextNumber()
        objects[Int(number - Self.firstNumber)] = make(number)
        return number
    }

    private func object(_ number: Int32) -> Object? {
        let index = Int(number) - Int(Self.firstNumber)
        return objects.indices.contains(index) ? objects[index] : nil
    }

    func socket(_ number: Int32) -> SimulatedSocket? {
        guard case .socket(let socket) = object(number) else {
            breaches.append("descriptor \(number) is no open socket")
            return nil
        }
        return socket
    }

    func isSocket(_ number: Int32) -> Bool {
        if case .socket = object(number) { true } else { false }
    }

    func pipe(_ number: Int32) -> SimulatedPipe? {
        guard case .pipe(let pipe) = object(number) else {
            breaches.append("descriptor \(number) is no open pipe")
            return nil
        }
        return pipe
    }

    func close(_ number: Int32) {
        switch object(number) {
        case nil:
            breaches.append("close of \(number), which is not open")
            return
        case .listener: break
        case .pipe(let pipe):
            if intents.contains(where: { $0.uses(pipe) }) {
                breaches.append("a pipe was closed with a request in flight")
            }
            pipe.openEnds -= 1
        case .socket(let socket):
            if intents.contains(where: { $0.uses(socket) }) {
                breaches.append("socket \(number) was closed with a request in flight")
            }
            if socket.isAttached { breaches.append("socket \(number) was closed while attached") }
            if socket.far?.counterpart == nil && hasFailedConnects { socket.far?.isExcused = true }
            socket.close()
        }
        objects[Int(number - Self.firstNumber)] = nil
        vacant.append(number)
        openDescriptors -= 1
    }

    var hasDescriptor: Bool { openDescriptors < descriptorsMax }

    // MARK: Intents and answers

    /// False where the submission queue is full.
    func submit(_ intent: Intent) -> Bool {
        guard mayTake() else { return false }
        var intent = intent
        intent.worker = worker
        intents.append(intent)
        return true
    }

    func mayTake() -> Bool {
        if refusals == 0 && strikes(faults.submissionQueueFull, "submission queue full") {
            refusals = 1 + random.below(3)
        }
        guard refusals > 0 else { return true }
        refusals -= 1
        return false
    }

    func answer(_ tag: Tag, _ result: Int32, goesOn: Bool = false, flags: UInt32 = 0) {
        let delay = strikes(faults.delayed, "delayed completion") ? 1 + random.below(5) : 0
        // Answers to one request never overtake each other.
        let earlier = pending.last { $0.worker == worker && $0.answer.tag == tag }?.dueTurn ?? 0
        let answer = Completion(tag: tag, result: result, flags: flags | (goesOn ? Completion.more : 0))
        pending.append(Pending(worker: worker, answer: answer, dueTurn: max(earlier, turns + delay)))
    }

    /// Time passes, far ends act, and requests that can go on do.
    func turn(waitingMillis: Int64) {
        turns += 1
        for _ in 0..<8 { actSomewhere() }
        let before = pending.count
        runIntents()
        let isQuiet = pending.isEmpty || (pending.count == before && pending.allSatisfy { $0.dueTurn > turns })
        // Nothing can happen before the wait is over or somebody out there acts, so time may leap.
        nowMillis += isQuiet ? max(1, min(waitingMillis, 40)) : Int64(random.below(2))
    }

    func reap(into batch: borrowing CompletionBatch) -> Int {
        var room = CompletionBatch.capacity
        if strikes(faults.completionQueueFull, "completion queue full") { room = 1 + random.below(4) }
        var count = 0
        var place = 0
        while count < room && place < pending.count {
            if pending[place].worker != worker || pending[place].dueTurn > turns {
                place += 1
                continue
            }
            var picked = place
            if strikes(faults.reordered, "reordered completion") { picked = reorderedPick(from: place) }
            batch.base[count] = pending.remove(at: picked).answer
            count += 1
        }
        operations += count
        return count
    }

    /// Any that is due, but never ahead of an earlier answer to the same request.
    private func reorderedPick(from place: Int) -> Int {
        let picked = place + random.below(pending.count - place)
        guard pending[picked].worker == worker, pending[picked].dueTurn <= turns else { return place }
        let tag = pending[picked].answer.tag
        return pending.firstIndex { $0.worker == worker && $0.answer.tag == tag } ?? place
    }

    // MARK: Far ends

    private func actSomewhere() {
        if clientsMade < clientsWanted && livePeers.count < clientsAtOnce * 2 && random.draws(300) { makeClient() }
        guard !livePeers.isEmpty else { return }
        let index = random.below(livePeers.count)
        livePeers[index].act(&random, turn: turns)
        if livePeers[index].isDone || !livePeers[index].violations.isEmpty {
            violations += livePeers[index].violations
            livePeers.remove(at: index)
        }
    }

    private func makeClient() {
        // Its socket gets a number when it is accepted; until then it is known to nobody.
        let socket = SimulatedSocket(-1, room: 512 << random.below(7))
        let peer = FarEnd(UInt32(clientsMade) * 2, socket, mayWait: !serversMayWait, &random)
        clientsMade += 1
        socket.far = peer
        livePeers.append(peer)
        waitingClients.append(peer)
    }

    var hasClients: Bool { !waitingClients.isEmpty }

    /// The oldest client in the accept queue as an open descriptor.
    func acceptOne() -> Int32? {
        guard hasDescriptor, !waitingClients.isEmpty else { return nil }
        let socket = waitingClients.removeFirst().socket
        socket.number = place(.socket(socket))
        return socket.number
    }

    func makeServer(for socket: SimulatedSocket) {
        let server = FarEnd(UInt32(serversMade) * 2 + 1, socket, mayWait: serversMayWait, &random)
        serversMade += 1
        livePeers.append(server)
        socket.far = server
    }

    /// Somebody is still out there.
    var isBusy: Bool { clientsMade < clientsWanted || !livePeers.isEmpty }

    var unfinished: [String] {
        livePeers.map {
            "stream \($0.stream) still waits: sent \($0.sent) of \($0.bytesToSend), received \($0.received)"
        }
    }
}
