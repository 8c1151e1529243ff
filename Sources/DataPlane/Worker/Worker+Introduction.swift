import LinuxCalls

/// The PROXY header that a server gets before anything of the client, by the rules of its pool.
extension Worker where E: ~Copyable {
    /// A server has been connected.
    /// - Returns: 0, or `-errno` where it could not be told who is coming, which is as if it had not been connected: nothing of the client
    ///   has been taken yet.
    mutating func introduce(_ slot: UInt32) -> Int32 {
        let knot = table[slot]
        guard knot.pointee.phase == .connecting, let rules = servers[knot.pointee.pool].pointee.header else { return 0 }
        let room = UnsafeMutableRawBufferPointer(
            start: plainBuffer + Greeting.headerStart, count: Greeting.headerBytesMax)
        let length = write(rules, into: room, slot)
        // The socket is empty, and no header is so long that it would not fit.
        let sent = engine.sendNow(knot.pointee.upstream, UnsafeRawPointer(plainBuffer + Greeting.headerStart), length)
        guard sent == length, length > 0 else { return sent < 0 ? Int32(truncatingIfNeeded: sent) : Errno.brokenPipe }
        counters.add(.proxyHeadersSent)
        return 0
    }

    private mutating func write(_ rules: HeaderRules, into room: UnsafeMutableRawBufferPointer, _ slot: UInt32) -> Int {
        let record = record(of: slot)
        let isLocal = record?.pointee.isLocal ?? false
        let (source, destination) = isLocal ? (.unknown, .unknown) : endpoints(of: slot, record)
        switch rules.version {
        case .v1: return ProxyHeaderWriter.writeV1(source: source, destination: destination, into: room)
        case .v2 where isLocal: return ProxyHeaderWriter.writeV2Local(into: room)
        case .v2:
            // In network order: when the worker began, its number, and the connection's.
            let serial = record?.pointee.serial ?? nextSerial()
            let number = UInt64(truncatingIfNeeded: settings.index) << 48 | serial & 0xFFFF_FFFF_FFFF
            let identity = (beganAtWallMillis.bigEndian, number.bigEndian)
            return withUnsafeBytes(of: identity) { identity in
                var tlvs = ProxyTLVs(addsChecksum: rules.extras.contains(.checksum))
                if rules.extras.contains(.uniqueID) { tlvs.uniqueID = identity }
                if !rules.extras.isDisjoint(with: .ofHello) { tell(&tlvs, rules.extras, slot) }
                return ProxyHeaderWriter.writeV2(
                    source: source, destination: destination, tlvs: tlvs, into: room)
            }
        }
    }

    /// Where the client comes from, and where it has connected to.
    private func endpoints(
        of slot: UInt32, _ record: UnsafeMutablePointer<ConnectionRecord>?
    ) -> (SocketAddress, SocketAddress) {
        let source = clientAddress(slot)
        if let record, !record.pointee.proxy.isNone { return (source, record.pointee.destination.address) }
        var destination = SocketAddress.unknown
        _ = engine.localAddress(of: table[slot].pointee.client, &destination)
        return (source, destination)
    }

    /// The ClientHello is still where it was, in the client's socket.
    private func tell(_ tlvs: inout ProxyTLVs, _ extras: HeaderRules.Extras, _ slot: UInt32) {
        let seen = engine.peek(table[slot].pointee.client, plainBuffer, Greeting.bytesMax)
        guard seen > 0 else { return }
        let bytes = UnsafeRawBufferPointer(start: plainBuffer, count: Int(seen))
        guard case .found(let found) = ClientHello.look(bytes, scratch: helloScratch) else { return }
        let hello = HelloView(found, in: UnsafeRawBufferPointer(helloScratch))
        if extras.contains(.authority) { tlvs.authority = hello.name }
        guard extras.contains(.alpn), let list = hello.protocols else { return }
        var offered = ProtocolNames(list)
        tlvs.alpn = offered.next()
    }
}
