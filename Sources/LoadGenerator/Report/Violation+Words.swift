import LinuxCalls

extension Violation: CustomStringConvertible {
    /// One sentence: what, where, and what was expected.
    package var description: String {
        var text =
            "connection \(id) \(direction.name), seen by the \(side.name): \(kind.name.split(separator: "_").joined(separator: " "))"
        switch kind {
        case .lostBytes, .repeatedBytes, .foreignBytes, .corruptBytes:
            text += " at byte \(offset): expected \(Self.hex(expected)), got \(Self.hex(got))"
            if let origin {
                text += ", which is byte \(origin.offset) of connection \(origin.id) \(origin.direction.name)"
            }
        case .missingBytes, .extraBytes, .bytesLostAtReset: text += " at byte \(offset)"
        case .finInsteadOfReset, .resetInsteadOfFin, .resetAfterFin, .halfCloseForgotten, .stuck, .connectFailed,
            .unknownToPeer, .seenTwice, .countsDisagree, .failed, .unexpectedFin, .unexpectedReset:
            break
        }
        text += " (sent \(sent), received \(received))"
        if errno != 0 { text += ": \(SystemError(errno, in: "socket").reason)" }
        return text
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0x0\(digits)" : "0x\(digits)"
    }
}
