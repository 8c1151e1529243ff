import DataPlane

/// What is found lies in the scratch, is the same at each cut, and can be gone through.
func fuzzClientHello(_ bytes: UnsafeRawBufferPointer) {
    // Two, of exactly the length, so that AddressSanitizer sees what is beyond.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: ClientHello.lengthMax, alignment: 1)
    let other = UnsafeMutableRawBufferPointer.allocate(byteCount: ClientHello.lengthMax, alignment: 1)
    defer {
        scratch.deallocate()
        other.deallocate()
    }
    let whole = ClientHello.look(bytes, scratch: scratch)
    switch whole {
    case .incomplete(let needed): precondition(needed > bytes.count && needed <= ClientHello.lengthMax)
    case .found(let hello):
        if let name = hello.serverName {
            precondition(scratch.indices.contains(name.lowerBound) && name.upperBound <= scratch.count)
            precondition((1...255).contains(name.count) && !scratch[name].contains(0))
        }
        if let protocols = hello.protocols {
            let list = UnsafeRawBufferPointer(rebasing: scratch[protocols])
            precondition(ProtocolNames(list).reduce(0) { $0 + 1 + $1.count } == list.count)
        }
    case .refused: break
    }
    checkCuts(
        bytes, of: whole,
        same: { part, all in
            guard part.serverName == all.serverName, part.protocols == all.protocols,
                part.hasEncryptedHello == all.hasEncryptedHello
            else { return false }
            return all.serverName.map { other[$0].elementsEqual(scratch[$0]) } ?? true
        },
        look: { ClientHello.look($0, scratch: other) })
}
