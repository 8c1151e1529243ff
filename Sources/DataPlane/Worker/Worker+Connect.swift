import CLinux
import LinuxCalls

extension Worker where E: ~Copyable {
    /// The first upstream for a knot that has begun.
    mutating func connect(_ slot: UInt32) {
        let pool = table[slot].pointee.pool
        if servers[pool].pointee.isLimited { return connectWithinLimits(slot) }
        guard let server = chooseServer(slot) else { return hasNoServer(slot) }
        servers.count(1, server)
        begin(server, slot)
    }

    mutating func chooseServer(_ slot: UInt32) -> UInt16? {
        let knot = table[slot]
        let pool = knot.pointee.pool
        guard servers[pool].pointee.balance == .sourceHash else { return servers.choose(pool, client: nil, at: now) }
        let client = clientAddress(slot)
        return servers.choose(pool, client: client.isTCP ? client : nil, at: now)
    }

    /// - Parameter server: has counted the connection.
    mutating func begin(_ server: UInt16, _ slot: UInt32) {
        table[slot].pointee.firstUpstream = server
        attempt(server, slot)
    }

    /// All servers are down: nobody waits for connects that are expected to fail.
    mutating func hasNoServer(_ slot: UInt32) {
        counters.add(.noServer)
        turnAway(slot, .connectFailed)
    }

    /// No server is tried for the client: it gets the pool's file, or RST.
    mutating func turnAway(_ slot: UInt32, _ cause: Cause) {
        leaveLine(slot)
        let knot = table[slot]
        if !isLeavingAtOnce && servers[knot.pointee.pool].pointee.fallback >= 0 && answer(slot, for: cause) { return }
        perform(knot.pointee.giveUp(cause, resettingClient: true), slot)
    }

    /// The last attempt failed: the next upstream, or the client is given up.
    mutating func reconnect(_ slot: UInt32) {
        let knot = table[slot]
        if knot.pointee.upstream >= 0 && !knot.pointee.isConnectInFlight {
            close(knot.pointee.upstream, resetting: false)
            knot.pointee.forgetUpstream()
        }
        // The one that was chosen was not tried yet, for want of room for the intent, and has counted the connection.
        if knot.pointee.attempts == 0 && knot.pointee.isCountedAtServer && !isLeavingAtOnce {
            return attempt(knot.pointee.upstreamIndex, slot)
        }
        uncountAtServer(slot)
        guard !isLeavingAtOnce, let server = nextServer(slot) else {
            if !isLeavingAtOnce && servers[knot.pointee.pool].pointee.fallback >= 0 && answer(slot) { return }
            return perform(
                knot.pointee.giveUp(.connectFailed, resettingClient: knot.pointee.connectFailure == .refused), slot)
        }
        attempt(server, slot)
    }

    /// One that has counted the connection; nil where every server was tried or is full, or as many were tried as may be.
    private func nextServer(_ slot: UInt32) -> UInt16? {
        let knot = table[slot]
        let last = knot.pointee.upstreamIndex
        let pool = knot.pointee.pool
        guard Int(knot.pointee.attempts) < servers[pool].pointee.attemptsMax else { return nil }
        for _ in 0...servers[pool].pointee.count {
            guard let server = servers.after(last, first: knot.pointee.firstUpstream, pool, at: now) else { return nil }
            if servers.enter(server, pool) { return server }
        }
        return nil
    }

    /// - Parameter server: has counted the connection.
    private mutating func attempt(_ server: UInt16, _ slot: UInt32) {
        let knot = table[slot]
        let last = knot.pointee.upstreamIndex
        knot.pointee.upstreamIndex = server
        knot.pointee.isCountedAtServer = true
        let address = servers.address(server)
        let socket = engine.openSocket(family: address.pointee.family)
        guard socket >= 0 else { return hasNoSocket(socket, slot) }
        if address.pointee.isTCP {
            engine.prepareTCP(socket)
            let prepared = prepare(socket, slot, family: address.pointee.family)
            guard prepared == 0 else {
                engine.close(socket)
                return failedBeforehand(prepared, slot)
            }
        }
        if let source = servers.nextSource(knot.pointee.pool, family: address.pointee.family) {
            let bound = engine.bindSource(socket, source)
            guard bound == 0 else {
                engine.close(socket)
                return failedBeforehand(bound, slot)
            }
        }
        guard engine.connect(socket, to: address, tag(slot, .connect)) else {
            engine.close(socket)
            if knot.pointee.attempts > 0 {
                uncountAtServer(slot)
                knot.pointee.upstreamIndex = last
            }
            return owe(.reconnect, slot)
        }
        counters.add(.connectAttempts)
        knot.pointee.attempts &+= 1
        knot.pointee.submittedConnect(socket, isTCP: address.pointee.isTCP, at: now)
        noteAttempt(slot)
        schedule(slot)
    }

    /// What the pool's TCP sockets are to have, besides what all have: 0 or `-errno`.
    private func prepare(_ socket: Int32, _ slot: UInt32, family: Int32) -> Int32 {
        let knot = table[slot]
        let pool = servers[knot.pointee.pool]
        for index in 0..<pool.pointee.optionCount {
            let result = engine.setOption(socket, pool.pointee.options[index])
            guard result == 0 else { return result }
        }
        guard pool.pointee.isTransparent else { return 0 }
        var client = clientAddress(slot)
        // From an address of ours the server would take the client for somebody else.
        guard client.family == family else { return Errno.addressNotAvailable }
        client.clearPort()
        return engine.bindSource(socket, &client)
    }

    private mutating func hasNoSocket(_ result: Int32, _ slot: UInt32) {
        switch AcceptFailure(result) {
        case .shortOfDescriptors, .shortOfMemory:
            // Whoever waits for a descriptor holds one: the client gives way to those who are served.
            counters.add(.connectShortOfDescriptors)
            pauseForShortage()
            let knot = table[slot]
            perform(knot.pointee.cut(.shortage), slot)
        case .aborted, .withdrawn, .otherwise:
            // EAFNOSUPPORT, on a machine without IPv6.
            failedBeforehand(result, slot)
        }
    }

    /// As if connecting had failed with the same errno: the next upstream may have another family.
    private mutating func failedBeforehand(_ result: Int32, _ slot: UInt32) {
        let knot = table[slot]
        counters.add(.connectAttempts)
        knot.pointee.attempts &+= 1
        noteAttempt(slot)
        noteFailedConnect(knot, result)
        owe(.reconnect, slot)
    }

    /// The knot has no server any more, or is about to try another one.
    mutating func uncountAtServer(_ slot: UInt32) {
        let knot = table[slot]
        guard knot.pointee.isCountedAtServer else { return }
        knot.pointee.isCountedAtServer = false
        servers.count(-1, knot.pointee.upstreamIndex)
        let pool = knot.pointee.pool
        if servers[pool].pointee.isLimited { hasRoom(in: pool) }
    }

    mutating func abandonConnect(_ slot: UInt32) {
        let knot = table[slot]
        guard knot.pointee.isConnectInFlight else { return }
        let tag = tag(slot, .connect)
        if !engine.cancel(tag, on: knot.pointee.upstream, tag) { owe(.abandonConnect, slot) }
    }

    func noteFailedConnect(_ knot: UnsafeMutablePointer<Knot>, _ result: Int32) {
        guard knot.pointee.phase == .connecting else { return }
        let failure = CounterBoard.ConnectFailure(result)
        counters.add(failure.counter)
        board.count(failure, of: Int(knot.pointee.upstreamIndex))
        knot.pointee.connectFailure = failure
        // That this machine has no port left is not the server's fault.
        guard failure != .noPort else { return }
        if servers.failed(knot.pointee.upstreamIndex, knot.pointee.pool, at: now) { counters.add(.ejections) }
    }

    var isLeavingAtOnce: Bool { order >= .cut }
}
