import DataPlane
import LinuxCalls

/// What is found is found at each cut too, and what was read can be written and read again.
func fuzzProxyHeader(_ bytes: UnsafeRawBufferPointer) {
    let whole = ProxyHeader.look(bytes)
    switch whole {
    case .incomplete(let needed): precondition(needed > bytes.count && needed <= ProxyHeader.lengthMax)
    case .found(let header):
        precondition(header.length <= bytes.count && header.length <= ProxyHeader.lengthMax)
        precondition(header.isLocal ? header.source.isUnknown && header.destination.isUnknown : true)
        checkRoundTrip(header)
    case .refused: break
    }
    checkCuts(bytes, of: whole, same: { $0.isSame(as: $1) }) { ProxyHeader.look($0) }
}

private func checkRoundTrip(_ header: ProxyHeader) {
    withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { buffer in
        let (source, destination) = (header.source, header.destination)
        checkRead(buffer, ProxyHeaderWriter.writeV1(source: source, destination: destination, into: buffer), header)
        let tlvs = ProxyTLVs(addsChecksum: true)
        let length = ProxyHeaderWriter.writeV2(source: source, destination: destination, tlvs: tlvs, into: buffer)
        checkRead(buffer, length, header)
    }
}

private func checkRead(_ buffer: UnsafeMutableRawBufferPointer, _ length: Int, _ header: ProxyHeader) {
    guard case .found(let again) = ProxyHeader.look(UnsafeRawBufferPointer(rebasing: buffer[..<length])) else {
        preconditionFailure("what was written cannot be read")
    }
    precondition(again.length == length)
    precondition(again.source.port == header.source.port && again.destination.port == header.destination.port)
}

extension ProxyHeader {
    fileprivate func isSame(as other: ProxyHeader) -> Bool {
        version == other.version && isLocal == other.isLocal && length == other.length
            && source.description == other.source.description
            && destination.description == other.destination.description
    }
}

/// A look at any beginning says that more is needed, and never more than is, or the same as a look at all of it.
func checkCuts<Found>(
    _ bytes: UnsafeRawBufferPointer, of whole: PrologueLook<Found>, same: (Found, Found) -> Bool,
    look: (UnsafeRawBufferPointer) -> PrologueLook<Found>
) {
    // A few cuts that the bytes themselves choose, and those at the end.
    var cuts = [0, bytes.count - 1, bytes.count - 2, bytes.count / 2]
    for byte in bytes.suffix(4) { cuts.append(bytes.count * Int(byte) / 256) }
    for cut in cuts where (0..<bytes.count).contains(cut) {
        switch (look(UnsafeRawBufferPointer(rebasing: bytes[..<cut])), whole) {
        case (.incomplete(let needed), .incomplete(let neededOfWhole)):
            precondition(needed > cut && needed <= neededOfWhole)
            precondition(needed <= bytes.count || needed == neededOfWhole)
        case (.incomplete(let needed), _): precondition(needed > cut && needed <= bytes.count)
        case (.found(let part), .found(let all)): precondition(same(part, all))
        case (.refused(let part), .refused(let all)): precondition(part == all)
        default: preconditionFailure("a cut tells something else")
        }
    }
}
