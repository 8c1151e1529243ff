import LinuxCalls

/// Clients that are heard before a server is chosen for them.
///
/// What they say is looked at and left where it is (MSG_PEEK), and only a whole PROXY header is taken; so nothing has to be kept for a
/// client that is slow, and a ClientHello reaches the server as it came.
extension Worker where E: ~Copyable {
    /// Nil where the newcomer has nothing to say first; otherwise whether it owes a PROXY header.
    func greeting(of newcomer: Newcomer, _ peer: borrowing SocketAddress) -> Bool? {
        let listener = servers.listener(newcomer.listener)
        guard listener.pointee.greets else { return nil }
        if listener.pointee.isProxy(peer, isTCP: newcomer.isTCP) { return true }
        return listener.pointee.looksAtHello ? false : nil
    }

    /// Looks at what the client has said so far, from the first byte that has not been taken.
    mutating func look(_ slot: UInt32) {
        let knot = table[slot]
        guard knot.pointee.phase == .greeting, !knot.pointee.up.isWaiting else { return }
        let listener = servers.listener(knot.pointee.listener)
        var hasEnded = false
        while true {
            let patience = listener.pointee.greetingMillis(owesHeader: knot.pointee.owesHeader)
            let isLate = now >= knot.pointee.sinceMillis &+ patience
            let seen = engine.peek(knot.pointee.client, plainBuffer, Greeting.bytesMax)
            switch Verdict.ofFill(seen) {
            case .moved, .notNow: break
            case .ended: hasEnded = true
            case .interrupted: continue
            case .starved where !isLate, .withdrawn where !isLate:
                return perform(Step.rest.on(.up).union(.later), slot)
            case .starved, .withdrawn: break
            case .connectionLost: return perform(knot.pointee.cut(.clientReset), slot)
            case .notSpliceable, .unexpected: return perform(knot.pointee.cut(.systemFailure), slot)
            }
            let bytes = UnsafeRawBufferPointer(start: plainBuffer, count: Int(max(0, seen)))
            guard let lack = hear(bytes, slot, mayMiss: isLate || hasEnded) else { return }
            if isLate || hasEnded {
                return perform(knot.pointee.cut(isLate && !hasEnded ? .prologueTimeout : .badPrologue), slot)
            }
            // Its end may have come with bytes behind the ones that were seen.
            hasEnded = engine.hasEnded(knot.pointee.client)
            if !hasEnded { return wait(for: lack, slot) }
        }
    }

    /// - Parameter mayMiss: nothing more is waited for, so a ClientHello that is not whole is none.
    /// - Returns: what is missing; nil where it is decided what becomes of the client.
    private mutating func hear(_ bytes: UnsafeRawBufferPointer, _ slot: UInt32, mayMiss: Bool) -> Lack? {
        let knot = table[slot]
        var rest = bytes
        if knot.pointee.owesHeader {
            switch ProxyHeader.look(bytes) {
            case .incomplete(let needed): return Lack(seen: bytes.count, needed: needed)
            case .refused:
                perform(knot.pointee.cut(.badPrologue), slot)
                return nil
            case .found(let header):
                guard take(header, slot) else { return nil }
                rest = UnsafeRawBufferPointer(rebasing: bytes[min(header.length, bytes.count)...])
            }
        }
        guard servers.listener(knot.pointee.listener).pointee.looksAtHello else {
            choosePool(HelloView(), slot)
            return nil
        }
        switch ClientHello.look(rest, scratch: helloScratch) {
        case .incomplete(let needed) where !mayMiss: return Lack(seen: rest.count, needed: needed)
        case .incomplete, .refused:
            counters.add(.hellosMissed)
            choosePool(HelloView(), slot)
        case .found(let hello):
            choosePool(HelloView(hello, in: UnsafeRawBufferPointer(helloScratch)), slot)
        }
        return nil
    }

    /// The header leaves the client's stream, and the client is who it says. False where the client is not served.
    private mutating func take(_ header: ProxyHeader, _ slot: UInt32) -> Bool {
        let knot = table[slot]
        let isTaken = engine.take(
            header.length, from: knot.pointee.client, by: UnsafeMutableRawPointer(plainBuffer + Greeting.bytesMax),
            isTCP: knot.pointee.tcp.has(.client))
        guard isTaken else {
            perform(knot.pointee.cut(.systemFailure), slot)
            return false
        }
        counters.add(.proxyHeadersTaken)
        if knot.pointee.up.asked > 1 { engine.setLowWater(knot.pointee.client, 1) }
        knot.pointee.hasGivenHeader()
        let record = records[slot]
        if header.isLocal {
            record.pointee.isLocal = true
        } else if header.source.isTCP {
            record.pointee.proxy = PackedAddress(record.pointee.client)
            record.pointee.client = header.source
            record.pointee.destination = PackedAddress(header.destination)
        }
        guard servers.listener(knot.pointee.listener).pointee.admits(record.pointee.client) else {
            perform(knot.pointee.cut(.denied), slot)
            return false
        }
        if let refusal = enter(record.pointee.client, through: knot.pointee.listener) {
            perform(knot.pointee.cut(refusal.cause), slot)
            return false
        }
        hasEntered(slot, record.pointee.client)
        return true
    }

    private mutating func choosePool(_ hello: HelloView, _ slot: UInt32) {
        let knot = table[slot]
        let listener = servers.listener(knot.pointee.listener)
        let client =
            listener.pointee.choosesByAddress ? clientAddress(slot) : .unknown
        guard let pool = listener.pointee.pool(for: client, hello) else {
            return perform(knot.pointee.cut(.denied), slot)
        }
        if knot.pointee.up.asked > 1 { engine.setLowWater(knot.pointee.client, 1) }
        engine.leaveUnread(knot.pointee.client)
        knot.pointee.hasGreeted(goingTo: pool, at: now)
        connect(slot)
    }

    /// An event tells when there are so many bytes, or when no more will come. UNIX sockets announce whatever they have (kernel:
    /// unix_poll does not look at SO_RCVLOWAT).
    private mutating func wait(for lack: Lack, _ slot: UInt32) {
        let knot = table[slot]
        let canWait = knot.pointee.tcp.has(.client)
        let before = knot.pointee.up.asked
        let step = knot.pointee.hasSaidTooLittle(seen: lack.seen, needed: lack.needed, canWait: canWait)
        let asked = knot.pointee.up.asked
        if asked != before { engine.setLowWater(knot.pointee.client, Int32(clamping: asked)) }
        perform(step, slot)
    }

    /// Behind what is peeked.
    var helloScratch: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: plainBuffer + Greeting.bytesMax, count: ClientHello.lengthMax)
    }
}

/// Bytes in a client's socket, from where it stands now, and how many more there have to be.
private struct Lack: BitwiseCopyable {
    let seen: Int
    let needed: Int
}

/// How a worker's plain buffer is shared out while a client greets: what is peeked, then the message of a ClientHello, then what is sent.
enum Greeting {
    /// A PROXY header and a ClientHello, whole.
    static let bytesMax = 28_672
    static let headerStart = bytesMax + 28_672
    static let headerBytesMax = PlainCarry.bytesMax - headerStart
}

/// What routes look at in a ClientHello; both are nil where there was none.
struct HelloView: BitwiseCopyable {
    var name: UnsafeRawBufferPointer?
    /// ALPN's list of names.
    var protocols: UnsafeRawBufferPointer?

    init() {}

    /// - Parameter scratch: where it was put together.
    init(_ hello: ClientHello, in scratch: UnsafeRawBufferPointer) {
        name = hello.serverName.map { UnsafeRawBufferPointer(rebasing: scratch[$0]) }
        protocols = hello.protocols.map { UnsafeRawBufferPointer(rebasing: scratch[$0]) }
    }
}
