/// A client or a server beyond the worker: it sends a stream of its own, and checks each byte of the other one's.
final class FarEnd {
    enum Ending {
        /// FIN as soon as everything is sent.
        case finEarly
        /// FIN once the other side's end has come.
        case finLate
        /// As `finLate`, but silent for a long time before: only a reset can come in between, and it must.
        case finMuchLater
        /// RST some time after so many bytes were sent.
        case reset(afterSending: Int)
        /// FIN as soon as everything is sent, and RST some time later.
        case finThenReset
    }

    let stream: UInt32
    let socket: SimulatedSocket
    let ending: Ending
    let bytesToSend: Int
    /// Of a thousand chances to read, how many it takes: a slow reader takes few.
    let readsPerMille: Int
    private(set) var sent = 0
    private(set) var received = 0
    private(set) var hasSentFin = false
    private(set) var hasReset = false
    /// The other side has reset and everything before has arrived since this turn.
    private var resetDueTurn: Int?
    private(set) var sawFin = false
    private(set) var sawReset = false
    /// Whose bytes arrive here, once that is known.
    var counterpart: FarEnd?
    /// A fault was injected that no connection survives.
    var isExcused = false
    var violations: [String] = []

    /// - Parameter mayWait: it may leave the first FIN to the other side. Not both sides may, or they wait for ever.
    init(_ stream: UInt32, _ socket: SimulatedSocket, mayWait: Bool, _ random: inout SeededRandom) {
        self.stream = stream
        self.socket = socket
        bytesToSend = random.draws(100) ? 0 : 1 << random.below(16) + random.below(100)
        readsPerMille = random.draws(200) ? 50 : 900
        switch random.below(10) {
        case 0: ending = .reset(afterSending: random.below(bytesToSend + 1))
        case 1: ending = .finThenReset
        case 2...5: ending = .finEarly
        case 6: ending = mayWait ? .finMuchLater : .finEarly
        default: ending = mayWait ? .finLate : .finEarly
        }
    }

    /// It has seen how the connection ended and has nothing more to say.
    var isDone: Bool { hasReset || sawReset || (sawFin && hasSentFin) }
    /// Clients have even streams.
    var isClient: Bool { stream % 2 == 0 }

    /// A reset has to be passed on within this many turns once everything before it has arrived.
    private static let turnsMax = 2_000

    /// One thing that such a program might do next.
    func act(_ random: inout SeededRandom, turn: Int) {
        guard !isDone else { return }
        switch ending {
        case .reset(let bytes): if sent >= bytes && random.draws(300) { return reset() }
        case .finThenReset: if hasSentFin && random.draws(100) { return reset() }
        case .finMuchLater: missReset(turn)
        case .finEarly, .finLate: break
        }
        let isSilent = if case .finMuchLater = ending { sawFin && !random.draws(5) } else { false }
        if !isSilent && random.draws(500) { send(1 + random.below(8_192)) }
        if random.draws(readsPerMille) { read(1 + random.below(16_384)) }
    }

    private func send(_ limit: Int) {
        guard !hasSentFin else { return }
        if socket.isClosed {
            // The worker's kernel answers with RST.
            if sent < bytesToSend { see(reset: "an answer to bytes for a closed socket") } else { hasSentFin = true }
            return
        }
        let count = min(limit, bytesToSend - sent, socket.incomingRoom - socket.incoming.count)
        socket.incoming.append(ByteRun(stream: stream, offset: sent, count: count))
        sent += max(0, count)
        guard sent == bytesToSend else { return }
        switch ending {
        case .finEarly, .finThenReset: sendFin()
        case .finLate, .finMuchLater: if sawFin { sendFin() }
        case .reset: break
        }
    }

    private func sendFin() {
        hasSentFin = true
        socket.finCame = true
    }

    private func reset() {
        hasReset = true
        socket.reset()
    }

    private func read(_ limit: Int) {
        if socket.resetSent { return see(reset: "RST") }
        let taken = socket.outgoing.take(limit) { note($0) }
        if taken > 0 { socket.announceRoom() }
        if taken == 0 && socket.finSent && !sawFin { seeFin() }
    }

    // MARK: The ledger

    private func note(_ run: ByteRun) {
        if counterpart == nil || counterpart?.stream != run.stream {
            complain("a foreign byte of stream \(run.stream) at \(received)")
        } else if run.offset != received {
            complain("byte \(run.offset) where byte \(received) was due")
        }
        received += run.count
    }

    private func seeFin() {
        sawFin = true
        guard !isExcused else { return }
        guard let counterpart else { return complain("FIN from nobody") }
        if !counterpart.hasSentFin { complain("a FIN that the other side never sent") }
        if received != counterpart.sent { complain("FIN after \(received) of \(counterpart.sent) bytes") }
    }

    private func see(reset what: String) {
        sawReset = true
        guard !isExcused, counterpart?.isExcused != true else { return }
        guard let counterpart, counterpart.hasReset else { return complain("\(what) that nobody asked for") }
        // What the kernel had before the reset has to arrive; the rest of a stream that was finished as well.
        if received != counterpart.sent { complain("RST after \(received) of \(counterpart.sent) bytes") }
    }

    private func missReset(_ turn: Int) {
        guard let counterpart, counterpart.hasReset, !isExcused, received == counterpart.sent, !socket.resetSent else {
            return
        }
        let since = resetDueTurn ?? turn
        resetDueTurn = since
        if turn - since > Self.turnsMax { complain("a reset did not come in \(Self.turnsMax) turns") }
    }

    private func complain(_ what: String) { violations.append("stream \(stream): \(what)") }
}
